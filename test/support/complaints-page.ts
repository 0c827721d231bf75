import { openingOf } from '../../src/crash/rows/openings.ts'
import type { Row } from '../../src/crash/rows/rows.ts'
import { complaints, type Complaint } from './complaints.ts'

/** How the parts of the page are called, in its order. */
const AREAS: Readonly<Record<string, string>> = {
  sanitizers: 'Sanitizers',
  faults: 'Faults, traps and BUG()',
  arches: 'Faults and traps of other architectures than x86',
  warnings: 'WARN()',
  locks: 'Locks and RCU',
  scheduling: 'Scheduling, lockups, stalls, hung tasks, workqueues',
  memory: 'Memory',
  panics: 'Panics',
  others: 'Others',
  none: 'What is no crash',
}

/** docs/complaints.md, from the complaints that the test reads. */
export function complaintsPage(): string {
  const byArea = new Map(complaints().map(({ area, all }) => [area, all]))
  const parts = Object.entries(AREAS).map(([area, heading]) => {
    const head = area === 'none' ? '| line | printed by | why none |' : HEAD
    const rows = (byArea.get(area) ?? []).map(area === 'none' ? lineOfNone : lineOf)
    return [`## ${heading}`, '', head, head.replaceAll(/[^|]+/g, '---'), ...rows, ''].join('\n')
  })
  return `${INTRODUCTION}\n${parts.join('\n')}`
}

const HEAD = '| line | printed by | versions | row |'
const INTRODUCTION = `# Complaints of the kernel

Which places of the kernel print a complaint, how, and by which row of \`src/crash/rows/\` it gets its title; and what looks like one and is none. Titles are those of syzbot, so that they can be
looked up; \`{F}\` is the function to blame, \`{1}\` a part of the line. A row without \`{F}\` is one that syzbot does not tell by function, or that has no trace.

\`npm run generate\` writes this page from the examples in \`test/complaints\`, complete reports as the kernel prints them. A test reads each of them as a console, dmesg (with \`-T\` and
\`--time-format iso\` too), syslog and journalctl show it, and expects its title; it also expects that each row has an example. A line that no row knows, and that begins with \`BUG: \` or \`WARNING: \`, is named by its own words.
`

function lineOf(complaint: Complaint): string {
  const { opening, row } = rowOf(complaint)
  const named = row ? code(row.title) : 'its own words'
  return `| ${code(opening)} | ${complaint.printedBy} | ${complaint.remark} | ${named} |`
}

function lineOfNone({ lines: [line = ''], printedBy, remark }: Complaint): string {
  return `| ${code(line)} | ${printedBy} | ${remark} |`
}

const LONGEST = 110

function code(text: string): string {
  const short = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text
  return short.includes('`')
    ? `\`\` ${short} \`\``.replaceAll('|', String.raw`\|`)
    : `\`${short.replaceAll('|', String.raw`\|`)}\``
}

/** The line that begins a complaint, and the row that names it; undefined when it is named by its own words. */
export function rowOf({ lines }: Complaint): {
  readonly opening: string
  readonly row: Row | undefined
} {
  const first = lines.findIndex((line) => openingOf(line))
  const text = lines.slice(first).join('\n')
  const found = openingOf(lines[first] ?? '')?.rows.flatMap((row) => {
    const at = row.match.exec(text)?.index
    return at === undefined || row.body?.test(text) === false ? [] : [{ row, at }]
  })
  return {
    opening: lines[first] ?? '',
    row: found?.toSorted((one, other) => one.at - other.at)[0]?.row,
  }
}
