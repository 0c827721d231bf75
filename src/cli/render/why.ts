import { shown } from '../../base/index.ts'
import type { Why } from '../../lab/index.ts'
import { out } from './print.ts'

/** So many functions are told of; a stack that has overflown has thousands. */
const MOST = 40

/** Prints how a report got its title: the row that knows it, who was passed over and why, what makes it damaged. */
export function printWhy({ row, match, considered, damage }: Why): void {
  const named = row === undefined ? 'no row knows it: it is called by its first line' : row
  out.line(shown`  row        ${named}`)
  if (match !== undefined) out.line(shown`             known by /${match}/`)
  const width = Math.min(
    40,
    Math.max(0, ...considered.slice(0, MOST).map((one) => one.name.length)),
  )
  for (const [at, { name, reason }] of considered.slice(0, MOST).entries())
    out.line(shown`  ${at === 0 ? 'looked at' : '         '}  ${name.padEnd(width)}  ${reason}`)
  if (considered.length > MOST) out.line(`             and ${considered.length - MOST} more`)
  out.line(shown`  damage     ${damage ?? 'none: it is complete'}`)
}
