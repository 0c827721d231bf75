import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

import type { Random } from '../support/random.ts'
import type { Kind } from './kind.ts'

/** How many attempts an attack makes. */
const ATTEMPTS = 40

/** In a process of its own: a reader that never comes back is a hit, and no end of the attacks. */
export const parsers: Kind = {
  about: `${ATTEMPTS} damaged files read, of every kind that klab reads (see attack:parsers)`,
  row: 4,
  begin: () =>
    Promise.resolve({
      attack: (random) => Promise.resolve(attack(random)),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }),
}

function attack(random: Random) {
  const seed = 1 + Math.floor(random() * 1_000_000)
  const program = join(import.meta.dirname, 'parsers.ts')
  const { status, stdout } = spawnSync(
    process.execPath,
    [program, '30', String(seed), '', String(ATTEMPTS)],
    { encoding: 'utf8', timeout: 120_000 },
  )
  const hits = status === 0 ? [] : [stdout]
  return { what: `seed ${seed}`, sort: `${ATTEMPTS} readings`, hits }
}
