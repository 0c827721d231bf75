import { kindOf } from '../rows/kinds.ts'
import { readTornLine } from './console-line.ts'
import { circumstancesOf } from './facts.ts'
import { fingerprintOf } from './fingerprint.ts'
import type { CrashReport } from './report.ts'

/** As rows/rows-trap.ts calls it where a console shows it. */
const TITLE = 'unexpected kernel reboot'
const SHOWN_LINES = 10

/**
 * The complaint of a machine that was reset and whose kernel had not said that it would: it could say nothing (a triple fault), so the last lines of its
 * console are all that there is.
 */
export function unexpectedReboot(lastLines: readonly string[]): CrashReport {
  const shown = lastLines.slice(-SHOWN_LINES).map((line) => readTornLine(line).text)
  return {
    title: TITLE,
    otherTitles: [],
    kind: kindOf(TITLE),
    function: undefined,
    damage: undefined,
    panicked: false,
    suppressed: false,
    executor: undefined,
    circumstances: circumstancesOf(''),
    frames: [],
    fingerprint: fingerprintOf(TITLE, []),
    text: [
      ...shown,
      `${TITLE}: the machine was reset, and the lines above are the last before it`,
    ].join('\n'),
  }
}
