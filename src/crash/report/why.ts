import { openingOf } from '../rows/openings.ts'
import { ROLES } from '../roles/rules.ts'
import type { Considered } from './blame.ts'
import { collect } from './collect.ts'
import { readTornLine } from './console-line.ts'
import type { CrashReport } from './report.ts'
import { stableTitle } from './stable-title.ts'
import { nameReport } from './title.ts'

/** A function that was looked at. */
export interface Looked {
  readonly name: string
  /** Why it was passed over, or what it is. */
  readonly reason: string
}

/** Why a report is called what it is. */
export interface Why {
  /** The title that its row gives it, with `{F}` for the function to blame; undefined when no row knows it: then it is called by its first line. */
  readonly row: string | undefined
  /** What the row looks for. */
  readonly match: string | undefined
  readonly considered: readonly Looked[]
  /** Why it cannot be trusted; undefined when it can. */
  readonly damage: string | undefined
}

/** Names a report once more, of its text, and says how; undefined for a text that holds no report of that title. Before it may stand what came before. */
export function whyOf({ text, title }: Pick<CrashReport, 'text' | 'title'>): Why | undefined {
  const lines = text.split('\n')
  for (const [first, raw] of lines.entries()) {
    const line = readTornLine(raw)
    const opening = openingOf(line.text)
    if (!opening) continue
    const named = nameReport(collect(lines, first, line), opening)
    if (stableTitle(named.title) !== title) continue
    const { row, considered, damage, picked } = named
    return {
      row: row?.title,
      match: row?.match.source,
      considered: upTo(considered, picked).map((one) => ({
        name: one.name,
        reason: reasonOf(one, picked),
      })),
      damage,
    }
  }
  return undefined
}

/** Those behind the one to blame tell nothing; but the next one may tell why a stall is its. */
function upTo(
  considered: readonly Considered[],
  picked: string | undefined,
): readonly Considered[] {
  const at = considered.findIndex(({ name, passed }) => name === picked && passed === undefined)
  return at < 0 ? considered : considered.slice(0, at + 2)
}

function reasonOf({ name, role, passed }: Considered, picked: string | undefined): string {
  if (name === picked) return 'to blame'
  if (passed === 'row') return 'passed over: never to blame for such a complaint'
  if (passed === 'role' && role !== undefined) return `passed over: ${ROLES[role]}`
  return role === undefined ? 'not the one' : ROLES[role]
}
