import { parseArgs } from 'node:util'

import { parseDurationMs, UsageError } from '../../src/base/index.ts'
import { attack, type Length } from './campaign.ts'
import { KINDS } from './kinds.ts'
import type { Kind } from './kind.ts'
import { tableOf } from './tally.ts'

/**
 * Attacks klab in every way there is: `npm run attack -- [--for 60s|1h] [--each N] [--seed N] [--only KIND,…] [--list]`. Prints each hit as it is met, and
 * at the end what each kind has done; exits with 1 when anything was not survived. The same seed makes the same attacks, as far as moments can be the same.
 */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      for: { type: 'string', default: '60s' },
      each: { type: 'string' },
      seed: { type: 'string', default: '1' },
      only: { type: 'string', default: Object.keys(KINDS).join(',') },
      list: { type: 'boolean', default: false },
    },
  })
  if (values.list) {
    for (const [name, { about }] of Object.entries(KINDS))
      console.log(`${name.padEnd(10)} ${about}`)
    return 0
  }
  const length: Length =
    values.each === undefined
      ? { kind: 'time', ms: duration(values.for) }
      : { kind: 'each', attacks: Number(values.each) }
  const interrupted = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupted.abort())
  const tallies = await attack({
    ...{ kinds: kindsNamed(values.only), seed: Number(values.seed), length },
    onHit: (sentence) => console.log(`HIT ${sentence}\n`),
    signal: interrupted.signal,
  })
  const all = Object.values(tallies)
  const sum = (of: (tally: (typeof all)[number]) => number) =>
    all.reduce((total, tally) => total + of(tally), 0)
  const hits = sum(({ hits: some }) => some)
  console.log(tableOf(tallies))
  console.log(
    `\n${sum(({ attacks }) => attacks)} attacks, ${sum(({ survived }) => survived)} survived, ${hits} hits in ${Math.round(sum(({ spentMs }) => spentMs) / 1000)} s (seed ${values.seed})`,
  )
  return hits === 0 ? 0 : 1
}

function duration(text: string): number {
  const ms = parseDurationMs(text)
  if (ms === undefined) throw new UsageError(`--for ${text}: not a time; 60s, 20m, 1h are`)
  return ms
}

function kindsNamed(text: string): Record<string, Kind> {
  const all: Readonly<Record<string, Kind>> = KINDS
  return Object.fromEntries(
    text.split(',').map((name) => {
      const kind = all[name]
      if (!kind)
        throw new UsageError(`${name}: no such kind; there are ${Object.keys(KINDS).join(', ')}`)
      return [name, kind]
    }),
  )
}

process.exitCode = await main()
