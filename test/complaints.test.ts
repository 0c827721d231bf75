import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

import { LogReader, type FoundReport } from '../src/crash/index.ts'
import { BUG_ROWS, NEARLY_BUG_ROWS } from '../src/crash/rows/rows-bug.ts'
import { DIE_ROWS } from '../src/crash/rows/rows-fault.ts'
import { INFO_ROWS } from '../src/crash/rows/rows-info.ts'
import { UBSAN_ROWS } from '../src/crash/rows/rows-sanitizers.ts'
import { TRAP_ROWS } from '../src/crash/rows/rows-trap.ts'
import { WARNING_ROWS } from '../src/crash/rows/rows-warning.ts'
import { complaintsPage, rowOf } from './support/complaints-page.ts'
import { complaints } from './support/complaints.ts'

/** The ways in which a console and those that read it show a line: with the caller, the time, its level, bare; dmesg -T and --time-format iso; syslog, journalctl; dmesg -x; /dev/kmsg; two of Android's. */
const PREFIXES = [
  '[   12.345678][ T4242] ',
  '[   12.345678] ',
  '<4>[   12.345678] ',
  '',
  '[Tue Nov 24 23:00:00 2026] ',
  '2026-11-24T23:00:00,123456+00:00 ',
  'Nov 24 23:00:00 box kernel: [   12.345678] ',
  'Nov 24 23:00:00 box kernel: ',
  '2026-11-24T23:00:00.123456+00:00 box kernel: ',
  'kern  :warn  : [Tue Nov 24 23:00:00 2026] ',
  '4,1234,12345678,-,caller=T4242;',
  '[   12.345678] c1   4242 ',
  '[   12.345678]  [1:          repro: 4242] ',
]

for (const { area, all } of complaints()) {
  test(`the kernel's complaints have their titles: ${area}`, () => {
    for (const complaint of all) {
      expect(complaint.lines).not.toEqual([])
      for (const prefix of PREFIXES) {
        const [found, ...more] = reportsOf(complaint.lines, prefix)
        // All of it is one report: what is damaged was cut.
        if (!complaint.isDamaged) expect(more.map(({ title }) => title)).toEqual([])
        expect({
          lines: complaint.lines,
          title: found?.title,
          isDamaged: found?.damage !== undefined,
        }).toEqual({
          lines: complaint.lines,
          title: complaint.title,
          isDamaged: complaint.isDamaged,
        })
      }
    }
  })
}

function reportsOf(lines: readonly string[], prefix: string): FoundReport[] {
  const found: FoundReport[] = []
  const reader = new LogReader((report) => found.push(report))
  reader.push(Buffer.from(lines.map((line) => `${prefix}${line}\n`).join('')))
  reader.end()
  return found
}

// A console has what programs write on it as well, without a newline often.
test.each([
  ['KASAN: use-after-free Write in victim_write', 'BUG: '],
  ['BUG: unable to handle kernel NULL pointer dereference in victim_read', 'BUG: '],
  ['WARNING in victim_check', 'WARNING: '],
  ['possible deadlock in victim_flush', 'WARNING: '],
  ['WARNING: suspicious RCU usage in victim_get', 'WARNING: '],
  ['INFO: task hung in victim_close', 'INFO: '],
  ['INFO: trying to register non-static key in victim_probe', 'INFO: '],
])('behind what a program wrote is found: %s', (title, word) => {
  const one = complaints()
    .flatMap(({ all }) => all)
    .find((complaint) => complaint.title === title)
  const lines = one?.lines.map((line) => line.replace(word, `executing program${word}`)) ?? []
  expect(reportsOf(lines, '[   12.345678] ').map((found) => found.title)).toEqual([title])
})

test('each row has an example', () => {
  const rows = [
    BUG_ROWS,
    NEARLY_BUG_ROWS,
    WARNING_ROWS,
    INFO_ROWS,
    TRAP_ROWS,
    UBSAN_ROWS,
    DIE_ROWS,
  ].flat()
  const shown = new Set(complaints().flatMap(({ all }) => all.map((one) => rowOf(one).row)))
  expect(rows.filter((row) => !shown.has(row)).map(({ title }) => title)).toEqual([])
})

test('docs/complaints.md is what the examples say', () => {
  expect(readFileSync('docs/complaints.md', 'utf8')).toBe(complaintsPage())
})
