import { promisesTrace, readFrame, startsTrace } from './trace.ts'

/** A timestamp inside of a line: two lines became one. */
export const TORN = /\[ *\d+\.\d+\]/

/** A trace that has begun shows a frame within so many lines. */
const FRAME_WITHIN = 15
/** After the beginning of a trace, at least so many lines follow. */
const LINES_AFTER = 3
/** The kernel says itself that there is none, or where. */
const NO_TRACE = /stack is not available|Same stack as pid|no stack/

/** What is known of a report when it is judged. */
export interface Judged {
  readonly title: string
  /** It is complete without a trace. */
  readonly isComplete: boolean
}

/** Why a report cannot be trusted; undefined when it can. */
export function damageOf(
  lines: readonly string[],
  { title, isComplete }: Judged,
): string | undefined {
  if (TORN.test(title)) return 'torn'
  if (isComplete) return undefined
  let traces = 0
  for (const [at, line] of lines.entries()) {
    if (!promisesTrace(line)) continue
    traces++
    const after = lines.slice(at + 1, at + 1 + FRAME_WITHIN)
    if (lines.length - at < LINES_AFTER) return 'cut off after the beginning of a trace'
    const next = after.findIndex((one) => startsTrace(one))
    const frames = next < 0 ? after : after.slice(0, next)
    // KMSAN says so too, when what it knows of the value was overwritten.
    const isExcused = !line.startsWith('Uninit') && frames.some((one) => NO_TRACE.test(one))
    if (!isExcused && !frames.some((one) => readFrame(one))) return 'a trace without frames'
  }
  return traces === 0 ? 'no trace' : undefined
}
