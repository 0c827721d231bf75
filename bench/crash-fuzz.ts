// npm run bench:crash-fuzz [-- SECONDS [SEED]]: hostile logs for everything that reads logs. Each case is read at one size and at four times that: what
// takes linear time takes four times as long. Prints the worst; ends with 1 when one is not linear, or when one throws.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { guiltyFile, LogAnalysis, LogReader, scrub } from '../src/crash/index.ts'

const seconds = Number(process.argv[2] ?? 60)
const seed = Number(process.argv[3] ?? Date.now() % 1_000_000)
const BASE = 256 * 1024
/** Slower than this by size, where four is linear: caches and garbage take their part. */
const TOO_MUCH = 10

/** A small generator of numbers (Mulberry32), so that a case can be had again. */
function generator(from: number): () => number {
  let state = from >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const CONSOLES = join(import.meta.dirname, '..', 'test', 'console')
const recorded = readdirSync(CONSOLES).flatMap((name) =>
  readFileSync(join(CONSOLES, name), 'latin1').split('\n'),
)
const PIECES = [
  ...['BUG: ', 'WARNING: ', 'INFO: ', 'Kernel panic - not syncing: ', 'Call Trace:', 'RIP: 0010:'],
  ...[
    'KASAN: ',
    'KFENCE: ',
    'lock held ',
    ' at: ',
    '+0x1/0x2',
    ' [module]',
    '[    1.000000][   T1] ',
  ],
  ...[
    '<4>',
    'in ',
    '? ',
    ' ',
    '\t',
    '(',
    '[<',
    '>]',
    '-> #0 ',
    '==================',
    '_',
    'a',
    '0',
    'é',
  ],
  ...['\0', '\r', '\x1b[0m', 'token=', '-----BEGIN PRIVATE KEY-----', 'x://y:z@', 'Code: <0f> 0b'],
]

/** One kind of bad log: what it repeats, with line breaks now and then or never. */
function unitOf(random: () => number): string {
  const pick = <T>(all: readonly T[]) => all[Math.floor(random() * all.length)] as T
  const words = Array.from({ length: 1 + Math.floor(random() * 6) }, () =>
    random() < 0.3
      ? pick(recorded).slice(0, 200)
      : pick(PIECES).repeat(1 + Math.floor(random() ** 3 * 40)),
  )
  return words.join(pick(['', ' ', '\n', '\n'])) + pick(['', '\n', '\n', '\r\n'])
}

const READERS: Readonly<Record<string, (text: string) => void>> = {
  'crash parse': (text) => {
    const reader = new LogReader(() => undefined)
    const bytes = Buffer.from(text, 'latin1')
    for (let at = 0; at < bytes.length; at += 65_536) reader.push(bytes.subarray(at, at + 65_536))
    reader.end()
  },
  'logs analyse': (text) => {
    const analysis = new LogAnalysis()
    for (const line of text.split('\n')) analysis.line(line)
    analysis.summary()
  },
  'crash export': (text) => scrub(text, { home: '/home/ada', user: 'ada', host: 'engine' }),
  'guilty file': (text) => guiltyFile(text),
}

function timed(read: (text: string) => void, text: string): number {
  const start = performance.now()
  read(text)
  return performance.now() - start
}

interface Result {
  readonly reader: string
  readonly unit: string
  readonly ratio: number
  readonly mbPerSecond: number
}

const random = generator(seed)
const worst: Result[] = []
let cases = 0
const until = performance.now() + seconds * 1000
while (performance.now() < until) {
  const unit = unitOf(random)
  const small = unit.repeat(Math.ceil(BASE / unit.length))
  const large = unit.repeat(Math.ceil((4 * BASE) / unit.length))
  for (const [reader, read] of Object.entries(READERS)) {
    try {
      timed(read, small)
      const [short, long] = [timed(read, small), timed(read, large)]
      worst.push({
        reader,
        unit,
        ratio: long / Math.max(short, 1),
        mbPerSecond: large.length / 1000 / long,
      })
    } catch (error) {
      console.error(`seed ${seed}: ${reader} threw on ${JSON.stringify(unit)}`)
      throw error
    }
  }
  cases++
  worst.sort((a, b) => a.mbPerSecond - b.mbPerSecond).splice(12)
}
console.log(
  `seed ${seed}: ${cases} cases, each read ${Object.keys(READERS).length} ways; the slowest:\n`,
)
console.log('| reader | MB/s | time for four times as much | what is repeated |\n|---|---|---|---|')
for (const { reader, mbPerSecond, ratio, unit } of worst)
  console.log(
    `| ${reader} | ${mbPerSecond.toFixed(1)} | ${ratio.toFixed(1)} | \`${JSON.stringify(unit.slice(0, 60)).replaceAll('|', '\\|')}\` |`,
  )
process.exitCode = worst.some(({ ratio }) => ratio > TOO_MUCH) ? 1 : 0
