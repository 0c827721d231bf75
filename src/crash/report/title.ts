import { findBlame, NOBODY, type Blamed, type Considered } from './blame.ts'
import type { Collected } from './collect.ts'
import { damageOf } from './damage.ts'
import type { Opening } from '../rows/openings.ts'
import type { Row } from '../rows/rows.ts'

export interface Named extends Collected {
  readonly title: string
  readonly otherTitles: readonly string[]
  readonly damage: string | undefined
  /** The row that names it; undefined when none does. */
  readonly row: Row | undefined
  readonly considered: readonly Considered[]
  /** The one to blame among them. */
  readonly picked: string | undefined
}

/**
 * What a complaint is stands in its first lines, and at their beginning. The rows look for several things in them, one behind the other, for which a text
 * that is made for it takes the square of its length: a guest that writes such ones must not keep klab from its limits.
 */
const MAX_LINES = 300
const MAX_LINE = 400

/** The title of a report: of the rows of its opening, the one that matches first in it, with the function to blame in its place. */
export function nameReport(collected: Collected, opening: Opening): Named {
  const { own } = collected
  const text = own
    .slice(0, MAX_LINES)
    .map((line) => line.slice(0, MAX_LINE))
    .join('\n')
  const { best: found, isCut } = matchRow(text, opening.rows)
  if (!found) {
    const title = (own[0] ?? '').replace(/^.*?((?:BUG|WARNING|INFO): )/, '$1')
    const isComplete = /^(?:WARNING|BUG): /.test(title)
    return {
      ...collected,
      title,
      otherTitles: [],
      row: undefined,
      considered: [],
      picked: undefined,
      damage: isCut
        ? 'cut off'
        : title.startsWith('INFO: ')
          ? 'incomplete'
          : damageOf(own, { title, isComplete }),
    }
  }
  const { row, groups } = found
  const { blamed, picked, considered } = row.search
    ? findBlame(own.slice(lineOf(text, found.index)), row.search)
    : NOBODY
  const needed = [row.title, ...(row.also ?? [])].some((one) => one.includes('{F}'))
  const name: Blamed = blamed ?? { name: 'corrupted', otherNames: [] }
  const fill = (template: string, F: string) =>
    template.replaceAll(/\{(\w)\}/g, (_, key: string) =>
      key === 'F' ? F : (groups[Number(key)] ?? ''),
    )
  const damage = row.isDamaged
    ? 'incomplete'
    : needed && !blamed
      ? 'no frames'
      : damageOf(own, { title: '', isComplete: row.isComplete ?? false })
  return {
    ...collected,
    row,
    considered,
    picked,
    title: fill(row.title, name.name),
    otherTitles: [
      ...(row.also ?? []).map((one) => fill(one, name.name)),
      ...name.otherNames.flatMap((other) =>
        [row.title, ...(row.also ?? [])]
          .filter((one) => one.includes('{F}'))
          .map((one) => fill(one, other)),
      ),
    ],
    damage,
  }
}

function lineOf(text: string, index: number): number {
  let line = 0
  for (let at = text.indexOf('\n'); at >= 0 && at < index; at = text.indexOf('\n', at + 1)) line++
  return line
}

function matchRow(text: string, rows: readonly Row[]) {
  let best: { row: Row; index: number; groups: readonly string[] } | undefined
  let isCut = false
  for (const row of rows) {
    const match = row.match.exec(text)
    if (!match || (best && best.index <= match.index)) continue
    const body = row.body?.exec(text)
    // Another row may know it without; if none does, it is cut off.
    if (row.body && !body) isCut = true
    else best = { row, index: match.index, groups: body ?? match }
  }
  return { best, isCut }
}
