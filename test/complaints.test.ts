import { expect, test } from 'vitest'

import { LogReader, type FoundReport } from '../src/crash/index.ts'
import { complaints, type Complaint } from './support/complaints.ts'

/** The ways in which a console shows a line: with the caller, with the time alone, and bare. */
const PREFIXES = ['[   12.345678][ T4242] ', '[   12.345678] ', '']

for (const { area, all } of complaints()) {
  test(`the kernel's complaints have their titles: ${area}`, () => {
    for (const complaint of all)
      for (const prefix of PREFIXES) {
        const [found] = reportsOf(complaint, prefix)
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
  })
}

function reportsOf({ lines }: Complaint, prefix: string): FoundReport[] {
  const found: FoundReport[] = []
  const reader = new LogReader((report) => found.push(report))
  reader.push(Buffer.from(lines.map((line) => `${prefix}${line}\n`).join('')))
  reader.end()
  return found
}
