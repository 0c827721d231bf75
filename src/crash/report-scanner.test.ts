import * as fc from 'fast-check'
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

import { ReportScanner, type Report } from './report-scanner.ts'

// test/console/NAME: `# kind: title` lines for the reports expected, an empty line, a console recorded from a VM of ours.
for (const name of readdirSync('test/console')) {
  test(`reports of ${name}`, () => {
    const [head = '', ...rest] = readFileSync(`test/console/${name}`, 'utf8').split('\n\n')
    const expected = head
      .split('\n')
      .filter((line) => line !== '# none')
      .map((line) => line.slice(2))
    expect(
      scan(rest.join('\n\n').split('\n')).map(({ kind, title }) => `${kind}: ${title}`),
    ).toEqual(expected)
  })
}

test('the scanner holds little, whatever it reads', () => {
  fc.assert(
    fc.property(fc.array(fc.string()), (lines) => {
      for (const report of scan(lines)) expect(report.lines.length).toBeLessThanOrEqual(200)
    }),
  )
})

test('a flood of complaints is cut off', () => {
  expect(scan(Array(5000).fill('Kernel panic - not syncing: again')).length).toBe(100)
})

function scan(lines: readonly string[]): Report[] {
  const found: Report[] = []
  const scanner = new ReportScanner((report) => found.push(report))
  for (const line of lines) scanner.lines([line])
  scanner.flush()
  return found
}
