import { field, joined, type Showable, type Shown } from '../../base/index.ts'
import { cutTo, widthOf } from './columns.ts'

/** What is longer is for --json: one such cell would push all others off the screen. */
const MAX_CELL = 120
const MAX_LAST = 1_000

/** Rows in columns that line up; the last column is not padded. */
export function table(
  header: readonly string[],
  rows: readonly (readonly Showable[])[],
  indent = '',
): Shown {
  const all = [header, ...rows].map((row) =>
    row.map((cell, column) =>
      field(cutTo(field(cell), column === row.length - 1 ? MAX_LAST : MAX_CELL)),
    ),
  )
  const widths = header.map((_, column) =>
    all.reduce((most, row) => Math.max(most, widthOf(row[column] ?? field(''))), 0),
  )
  return joined(
    all.map((row) => field(`${indent}${rowOf(row, widths)}`, Number.POSITIVE_INFINITY)),
    '\n',
  )
}

function rowOf(row: readonly Shown[], widths: readonly number[]): string {
  return row
    .map((cell, column) =>
      column === row.length - 1
        ? String(cell)
        : `${String(cell)}${' '.repeat((widths[column] ?? 0) - widthOf(cell))}`,
    )
    .join('  ')
}
