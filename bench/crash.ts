// npm run bench:crash [-- [-v] DIR...]: how klab reads consoles, scored against directories of logs with expected fields, and how fast.
// The format of such a log: `KEY: value` lines, an empty line, the log, and perhaps a line `REPORT:` and the text of the report.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { guiltyFile, LogReader, type FoundReport } from '../src/crash/index.ts'

interface Case {
  readonly expected: ReadonlyMap<string, readonly string[]>
  readonly log: Buffer
  readonly report: string | undefined
}

function readCase(path: string): Case {
  const text = readFileSync(path, 'latin1').replaceAll('\r', '')
  const expected = new Map<string, string[]>()
  let at = 0
  for (;;) {
    const end = text.indexOf('\n', at)
    const line = text.slice(at, end)
    const [, key, value = ''] = /^([A-Z]+): ?(.*)$/.exec(line) ?? []
    if (key === undefined && !line.startsWith('#')) {
      if (line === '') at = end + 1
      break
    }
    if (key !== undefined) expected.set(key, [...(expected.get(key) ?? []), value])
    at = end + 1
  }
  const [log = '', report] = text.slice(at).split(/(?<=^|\n)\nREPORT:\n/)
  return { expected, log: Buffer.from(log, 'latin1'), report }
}

function firstReport(log: Buffer): FoundReport | undefined {
  const found: FoundReport[] = []
  const reader = new LogReader((report) => found.push(report))
  reader.push(log)
  reader.end()
  return found.toSorted((a, b) => a.start - b.start)[0]
}

type Field = readonly [name: string, ours: string | undefined, expected: string | undefined]

function fieldsOf({ expected, log, report }: Case): Field[] {
  const [file] = expected.get('FILE') ?? []
  if (file !== undefined) return [['guilty file', guiltyFile(log.toString('latin1')) ?? '', file]]
  const found = firstReport(log)
  const one = (key: string) => expected.get(key)?.[0]
  const title = one('TITLE') ?? ''
  const crash: Field = ['crash or no crash', found ? 'Y' : 'N', title === '' ? 'N' : 'Y']
  if (title === '' || !found) return [crash]
  const { executor } = found
  const others = (expected.get('ALT') ?? []).toSorted().join('\n')
  const lineAt = (at: number) => log.subarray(at, log.indexOf('\n', at)).toString('latin1')
  const optional: Field[] = [
    ['frame', found.function, one('FRAME')],
    ['first line', lineAt(found.start), one('START')],
    ['report', found.text.trimEnd(), report?.trimEnd()],
  ]
  return [
    crash,
    ['title', found.title, title],
    ['kind', found.kind, one('TYPE')],
    ['corrupted', found.damage === undefined ? 'N' : 'Y', one('CORRUPTED') ?? 'N'],
    ['panicked', found.panicked ? 'Y' : 'N', one('PANICKED') ?? 'N'],
    ['suppressed', found.suppressed ? 'Y' : 'N', one('SUPPRESSED') ?? 'N'],
    ['alternative titles', found.otherTitles.join('\n'), others],
    ['executor', executor && `proc=${executor.process}, id=${executor.id}`, one('EXECUTOR')],
    ...optional.filter(([, , wanted]) => wanted !== undefined),
  ]
}

function score(dir: string, { isVerbose }: { readonly isVerbose: boolean }): void {
  const scores = new Map<string, { right: number; all: number }>()
  for (const name of readdirSync(dir)) {
    for (const [field, ours, expected] of fieldsOf(readCase(join(dir, name)))) {
      const { right, all } = scores.get(field) ?? { right: 0, all: 0 }
      scores.set(field, { right: right + (ours === expected ? 1 : 0), all: all + 1 })
      if (isVerbose && ours !== expected)
        console.log(
          `${name} ${field}:\n   ours     ${ours?.slice(0, 300)}\n   expected ${expected?.slice(0, 300)}`,
        )
    }
  }
  console.log(`${dir}:\n\n| field | right | of | |\n|---|---|---|---|`)
  for (const [field, { right, all }] of scores)
    console.log(`| ${field} | ${right} | ${all} | ${((100 * right) / all).toFixed(1)} % |`)
}

const CONSOLES = join(import.meta.dirname, '../test/console')

/** A recorded console again and again, 64 KiB or more. */
function chunkOf(name: string): Buffer {
  const one = readFileSync(join(CONSOLES, name))
  return Buffer.concat(Array<Buffer>(Math.ceil(65_536 / one.length)).fill(one))
}

/** MB/s of a log that is one of our recorded consoles again and again. */
function speed(name: string, megabytes: number): number {
  const chunk = chunkOf(name)
  const reader = new LogReader(() => undefined)
  const startedAt = performance.now()
  let bytes = 0
  for (; bytes < megabytes * 1e6; bytes += chunk.length) reader.push(chunk)
  reader.end()
  return bytes / 1e3 / (performance.now() - startedAt)
}

/** The most memory, in MiB, that `klab crash parse` ever has while it reads such a log: resident, Node and its program included. */
async function memory(name: string, megabytes: number): Promise<number> {
  const chunk = chunkOf(name)
  const klab = join(import.meta.dirname, '../klab')
  const child = spawn(klab, ['crash', 'parse', '-'], { stdio: ['pipe', 'ignore', 'inherit'] })
  let most = 0
  for (let bytes = 0; bytes < megabytes * 1e6; bytes += chunk.length) {
    if (!child.stdin.write(chunk)) await once(child.stdin, 'drain')
    // Its own high-water mark: what is read last is all there is to know (proc_pid_status(5)).
    const [, kib] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8')) ?? []
    most = Number(kib) / 1024
  }
  child.stdin.end()
  await once(child, 'exit')
  return most
}

const args = process.argv.slice(2)
const dirs = args.filter((arg) => arg !== '-v')
const corpus = join(import.meta.dirname, '../../shared/corpus/crash-reports')
const usual = ['report', 'guilty'].map((name) => join(corpus, name))
for (const dir of dirs.length > 0 ? dirs : usual) {
  if (existsSync(dir)) score(dir, { isVerbose: args.includes('-v') })
  else console.log(`${dir} is not there: nothing to score`)
}
if (!args.includes('-v')) {
  const [clean, reports] = [speed('clean-boot', 1024), speed('kasan', 100)]
  console.log('\n| what | klab | limit |\n|---|---|---|')
  console.log(`| a clean log of 1 GB | ${clean.toFixed(0)} MB/s | 100 MB/s |`)
  console.log(`| a log that is all reports | ${reports.toFixed(0)} MB/s | 20 MB/s |`)
  const held = [await memory('clean-boot', 1024), await memory('kasan', 200)]
  console.log(`| memory, 1 GB clean | ${held[0]?.toFixed(1)} MiB | 64 MiB |`)
  console.log(`| memory, 200 MB of reports | ${held[1]?.toFixed(1)} MiB | 64 MiB |`)
}
