import * as fc from 'fast-check'
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

import { LogReader } from './log-reader.ts'
import { ReportScanner, type FoundReport } from './report-scanner.ts'

// test/console/NAME: `# kind: title` lines for the reports expected, an empty line, a console recorded from a VM of ours.
for (const name of readdirSync('test/console')) {
  test(`reports of ${name}`, () => {
    const [head = '', ...rest] = readFileSync(`test/console/${name}`, 'utf8').split('\n\n')
    const expected = head.split('\n').filter((line) => line !== '# none')
    const log = rest.join('\n\n')
    const found = scan(log.split('\n'))
    expect(found.map(describeReport)).toEqual(expected)
    for (const { start, stop, text } of found) {
      const bytes = Buffer.from(log).subarray(start, stop).toString()
      // The first line is the one that says what happened.
      expect(text).toContain(bytes.split('\n')[0]?.replace(/^\[ *[\d.]+\](?:\[ *\w+\])? /, ''))
    }
  })
}

function describeReport({ kind, title, damage, panicked }: FoundReport): string {
  return `# ${kind ?? 'other'}: ${title}${damage ? ` (damaged: ${damage})` : ''}${panicked ? ' (panicked)' : ''}`
}

test('what PID 1 complains of has some lines before it, and not the whole boot', () => {
  const boot = Array.from({ length: 80 }, (_, at) => `[    0.${at + 100_000}][    T1] boot ${at}`)
  const [found] = scan([...boot, ...report('T1', 'WARNING: CPU: 0 PID: 1 at a.c:1 f+0x1/0x2', 'f')])
  expect(found?.title).toBe('WARNING in f')
  expect(found?.text.match(/^boot \d+$/gm)?.length).toBeLessThanOrEqual(5)
})

test('two CPUs that complain at the same time are taken apart', () => {
  const first = report('C0', 'WARNING: CPU: 0 PID: 1 at a.c:1 first+0x1/0x2', 'first')
  const second = report('C1', 'WARNING: CPU: 1 PID: 2 at b.c:1 second+0x1/0x2', 'second')
  const mixed = first.flatMap((line, index) => [line, second[index] ?? ''])
  expect(scan(mixed).map(({ title, damage }) => ({ title, damage }))).toEqual([
    { title: 'WARNING in first', damage: undefined },
    { title: 'WARNING in second', damage: undefined },
  ])
})

function report(caller: string, opening: string, name: string): string[] {
  const lines = [opening, `RIP: 0010:${name}+0x1/0x2`, 'Call Trace:', ' <TASK>', ` ${name}+0x1/0x2`]
  return [...lines, ' caller+0x1/0x2', ' </TASK>', '---[ end trace 0000000000000000 ]---'].map(
    (line) => `[    1.000000][   ${caller}] ${line}`,
  )
}

test('what a report leads to is a part of it', () => {
  const oops = report('T1', 'BUG: kernel NULL pointer dereference, address: 0000000000000000', 'f')
  const found = scan([
    ...oops,
    '[    1.000000][   T1] Kernel panic - not syncing: Fatal exception',
    '[    1.000000][   T1] ---[ end Kernel panic - not syncing: Fatal exception ]---',
  ])
  expect(found.map(describeReport)).toEqual([
    '# NULL-POINTER-DEREFERENCE: BUG: unable to handle kernel NULL pointer dereference in f (panicked)',
  ])
})

test('the scanner holds little, whatever it reads', () => {
  fc.assert(
    fc.property(fc.array(fc.string()), (lines) => {
      for (const { text } of scan(lines)) expect(text.length).toBeLessThanOrEqual(300_000)
    }),
  )
})

test('a flood of complaints is cut off', () => {
  const lines = Array.from({ length: 5000 }, (_, index) => `WARNING: at f.c:${index} f+0x1/0x2`)
  const found: FoundReport[] = []
  const scanner = new ReportScanner((one) => found.push(one), 100)
  scanner.lines(lines)
  scanner.flush()
  expect(found.length).toBe(100)
})

test('a log in chunks of any size has the same reports at the same places', () => {
  const file = readFileSync('test/console/two-reports')
  const log = file.subarray(file.indexOf('\n\n') + 2)
  const read = (size: number) => {
    const found: FoundReport[] = []
    const reader = new LogReader((one) => found.push(one))
    for (let at = 0; at < log.length; at += size) reader.push(log.subarray(at, at + size))
    reader.end()
    return found
  }
  const whole = read(log.length)
  expect(whole.length).toBe(2)
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5000 }), (size) => {
      expect(read(size)).toEqual(whole)
    }),
    { numRuns: 30 },
  )
  for (const { start, stop } of whole)
    expect(log.subarray(start, stop).toString()).toMatch(/^\[.*\] (?:WARNING|kernel BUG)/)
})

test('a line without an end, and what no kernel prints, is read in time', () => {
  const hostile = [
    'BUG: KASAN: use-after-free in f+0x1/0x2',
    'Read of size '.repeat(1e6),
    `[ INFO: possible circular locking dependency detected ]${' at: '.repeat(1e6)}`,
    ...Array<string>(5000).fill('x is trying to acquire lock: takes: at'),
    `${'[ 1.000000]'.repeat(1e5)} WARNING: ${'a'.repeat(1e6)}`,
    '\u0000'.repeat(1e6),
  ]
  expect(scan([...hostile, ...hostile]).length).toBeGreaterThan(0)
})

function scan(lines: readonly string[]): FoundReport[] {
  const found: FoundReport[] = []
  const scanner = new ReportScanner((one) => found.push(one))
  for (const line of lines) scanner.lines([line])
  scanner.flush()
  return found
}
