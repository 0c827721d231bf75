import { isCpu, readTornLine, type ConsoleLine } from './console-line.ts'
import { openingOf } from '../rows/openings.ts'
import { isQuestionable } from './trace.ts'

/** The lines of one report. */
export interface Collected {
  readonly before: readonly string[]
  readonly lines: readonly string[]
  /** Its lines up to where another report begins. */
  readonly own: readonly string[]
  readonly end: number
}

/** What a report has of the lines before it: a line drawn above, what the kernel was doing. */
const LINES_BEFORE = { task: 50, other: 5 }
/** A panic that comes this late says nothing new of the report. */
const LATE_PANIC = { KMSAN: 16, other: 22 }

/** The lines of the report whose opening line is the one at `first`: a console mixes those of several tasks and processors. */
export function collect(raw: readonly string[], first: number, line: ConsoleLine): Collected {
  const { context } = line
  // What the unwinder did not find is not told, but where an interrupt came.
  const keeps = (text: string) => !isQuestionable(text) || text.includes('<EOI>')
  const most = context.startsWith('T') && !isInit(context) ? LINES_BEFORE.task : LINES_BEFORE.other
  const before: string[] = []
  for (let at = first - 1; at >= 0 && before.length < most; at--) {
    const earlier = readTornLine(raw[at] ?? '')
    if (earlier.context === context && keeps(earlier.text)) before.unshift(earlier.text)
  }
  const lines: string[] = []
  let own: number | undefined
  let end = first + 1
  let othersToo = false
  let isLate = false
  const late = line.text.includes('KMSAN') ? LATE_PANIC.KMSAN : LATE_PANIC.other
  for (let at = first; at < raw.length; at++) {
    const { text, context: whose } = at === first ? line : readTornLine(raw[at] ?? '')
    const other = at > first ? openingOf(text) : undefined
    if (other) end = at + 1
    if (whose !== context && !(othersToo && isCpu(whose))) continue
    if (other && own === undefined && !isCaller(context) && lines.length > 0 && !other.continues)
      own = lines.length
    if (own === undefined && at > first && !isCaller(context) && INFORMATION.test(text))
      own = lines.length
    if (text.includes('Sending NMI from CPU')) othersToo = true
    if (
      lines.length > late &&
      /Kernel panic - not syncing|possible circular locking dependency detected/.test(text)
    )
      isLate = true
    if (isLate || !keeps(text) || text.startsWith('Disabling lock debugging due to')) continue
    lines.push(text)
  }
  return { before, lines, own: own === undefined ? lines : lines.slice(0, own), end }
}

/** What prints a trace and is no complaint: lib/fault-inject.c, mm/vmalloc.c, mm/userfaultfd.c */
const INFORMATION =
  /vmalloc: allocation failure: |FAULT_INJECTION: forcing a failure|FAULT_FLAG_ALLOW_RETRY missing/

/** PID 1, which has printed the whole boot, or the task that becomes it: what the kernel did long ago is no part of a report. */
function isInit(context: string): boolean {
  return context === 'T0' || context === 'T1'
}

/** Whether the kernel said which task (T) or CPU (C) prints: CONFIG_PRINTK_CALLER. */
export function isCaller(context: string): boolean {
  return /^[TC]\d/.test(context)
}
