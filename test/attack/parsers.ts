import { existsSync, globSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

import { TEST_HOME } from '../support/home.ts'
import { attempt, type Attempt } from './attempt.ts'
import { seedsFrom, type RealFiles } from './seeds.ts'
import { targetsFor } from './targets.ts'

/**
 * Gives everything that klab reads damaged files: `npm run attack:parsers -- [SECONDS [SEED [NUMBER [ATTEMPTS]]]]`. Prints attempts, those that were survived, and the
 * worst time and memory; exits with 1 when one was not. With a NUMBER that attempt alone is made, again, or so many from the first one on. ATTACK_ONLY says what is read. ATTACK_DUMPS names dumps (klab dump) to damage too,
 * by a glob; ATTACK_KERNEL the directory of their kernel, of one that klab built.
 */

/** A reading that takes longer is stopped, and a hit. */
const MAX_MS = 10_000
/** What klab may need at most. */
const MAX_MIB = 2_048

interface Work {
  readonly seed: number
  readonly from: number
  /** After so many it is over. */
  readonly count: number
  readonly dir: string
  readonly files: RealFiles
}

async function work({ seed, from, count, dir, files }: Work): Promise<void> {
  const asked = process.env['ATTACK_ONLY'] ?? ''
  const targets = targetsFor(seedsFrom(files), dir).filter(({ name }) => name.includes(asked))
  for (let number = from; number < count; number++) {
    tell({ begin: number })
    tell({ end: await attempt(targets, { seed, number, dir }) })
  }
}

interface Said {
  readonly begin?: number
  readonly end?: Attempt
}

function tell(said: Said): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  parentPort?.postMessage(said)
}

/** What happened. */
class Tally {
  readonly all = new Map<string, Attempt[]>()
  readonly hits: Attempt[] = []
  memoryMiB = 0

  add(one: Attempt): void {
    const others = this.all.get(one.target) ?? []
    others.push(one)
    this.all.set(one.target, others)
    if (one.hit === undefined) return
    this.hits.push(one)
    console.log(`\n${one.number} (${one.target}, ${one.bytes} bytes): ${one.hit}`)
  }

  watch(): void {
    this.memoryMiB = Math.max(this.memoryMiB, process.memoryUsage.rss() / 1024 ** 2)
  }

  table(): string {
    const rows = [...this.all].map(([target, attempts]) => {
      const survived = attempts.filter(({ hit }) => hit === undefined).length
      const slowest = attempts.reduce((one, other) => (other.ms > one.ms ? other : one))
      return `| ${target} | ${attempts.length} | ${survived} | ${Math.round(slowest.ms)} (${slowest.number}) |`
    })
    return [
      '| read | attempts | survived | slowest, ms (number) |',
      '|---|---|---|---|',
      ...rows,
    ].join('\n')
  }
}

/** One worker, until it is done, hangs, or the time is over. Returns from where the next one goes on; undefined at the end. */
async function watched(parts: Work, tally: Tally, until: number): Promise<number | undefined> {
  const worker = new Worker(import.meta.filename, { workerData: parts })
  const over = Promise.withResolvers<number | undefined>()
  let [current, startedAt] = [-1, performance.now()]
  worker.on('message', (said: Said) => {
    if (said.begin !== undefined) [current, startedAt] = [said.begin, performance.now()]
    if (said.end) tally.add(said.end)
  })
  const fail = (hit: string) => {
    tally.add({
      number: current,
      target: '(ended)',
      bytes: 0,
      ms: performance.now() - startedAt,
      hit,
    })
    over.resolve(current + 1)
  }
  worker.on('error', (error) => fail(String(error instanceof Error ? error.stack : error)))
  worker.on('exit', () => over.resolve(undefined))
  const timer = setInterval(() => {
    tally.watch()
    if (performance.now() > until && parts.count === Infinity) over.resolve(undefined)
    else if (current >= 0 && performance.now() - startedAt > MAX_MS)
      fail(`it takes longer than ${MAX_MS} ms`)
  }, 100)
  try {
    return await over.promise
  } finally {
    clearInterval(timer)
    await worker.terminate()
  }
}

/** The newest of the kernels that the tests have built. */
function realKernel(): string | undefined {
  const asked = process.env['ATTACK_KERNEL']
  if (asked !== undefined) return asked
  return globSync(join(TEST_HOME, 'cache/kernels/*')).find((dir) =>
    existsSync(join(dir, 'layout.json')),
  )
}

/** Which attempts are made: all until the time is over, one again, or some. */
function numbers(number = '', attempts = ''): { readonly first: number; readonly count: number } {
  if (attempts !== '') return { first: 0, count: Number(attempts) }
  return number === ''
    ? { first: 0, count: Infinity }
    : { first: Number(number), count: Number(number) + 1 }
}

async function main(args: readonly string[]): Promise<number> {
  const [seconds = '60', seed = '1', number, attempts] = args
  const dir = mkdtempSync(join(tmpdir(), 'klab-attack-'))
  try {
    const kernel = realKernel()
    const files = {
      ...(kernel !== undefined && { kernel }),
      dumps: globSync(process.env['ATTACK_DUMPS'] ?? []),
    }
    const tally = new Tally()
    const until = performance.now() + Number(seconds) * 1000
    const { first, count } = numbers(number, attempts)
    const parts = { seed: Number(seed), count, dir, files }
    for (let from: number | undefined = first; from !== undefined;)
      from = await watched({ ...parts, from }, tally, until)
    console.log(`\nseed ${seed}; ${Math.round(tally.memoryMiB)} MiB at most\n\n${tally.table()}`)
    if (tally.memoryMiB > MAX_MIB) console.log(`\nthat is more memory than ${MAX_MIB} MiB`)
    return tally.hits.length === 0 && tally.memoryMiB <= MAX_MIB ? 0 : 1
  } finally {
    rmSync(dir, { recursive: true })
  }
}

if (isMainThread) process.exitCode = await main(process.argv.slice(2))
else await work(workerData as Work)
