import { isCaller } from '../report/collect.ts'
import { readTornLine } from '../report/console-line.ts'
import { isConsequence } from '../report/consequence.ts'
import { mayOpen, openingOf, type Opening } from '../rows/openings.ts'
import { readReport, type CrashReport } from '../report/report.ts'
import { startsTrace } from '../report/trace.ts'
import { unexpectedReboot } from '../report/unexpected-reboot.ts'

/** What is remembered of the lines before a report. */
const LINES_BEFORE = 60
/** A report that says no more for this many lines, or bytes, says no more at all. */
const MAX_LINES = 2_000
const MAX_BYTES = 256 * 1024
/** No line of the kernel's is longer (LOG_LINE_MAX and a prefix, kernel/printk/printk.c). */
const MAX_LINE = 2_048
/** So many CPUs complaining at the same time are taken apart. */
const MAX_OPEN = 4
/** After a report has ended, the panic that it leads to comes within so many lines. */
const LINES_TO_PANIC = 25
const PANIC = /Kernel panic - not syncing/

/** A report with where it is in the log: the first byte, and the one after the last. */
export interface FoundReport extends CrashReport {
  readonly start: number
  readonly stop: number
  /** The fingerprint of the report that this one is a consequence of. */
  readonly cause?: string
}

interface Open {
  readonly context: string
  readonly opening: Opening
  /** The lines before it, then its own and those of others between them. */
  readonly lines: string[]
  readonly first: number
  readonly start: number
  bytes: number
  stop: number
  /** Nothing but a panic can follow now: so many lines until it is given up. */
  lingers: number | undefined
  panicked: boolean
  /** Of its caller. The next complaint of the same one shows it for both, if it comes first; the one after that does not. */
  trace: 'awaited' | 'shared' | 'shown'
}

/** Finds reports in console lines as they come, in constant memory. */
export class ReportScanner {
  readonly #onReport: (report: FoundReport) => void
  /** The last lines, and some before them: it is cut when it is twice as long as needed. */
  #before: string[] = []
  #open: Open[] = []
  readonly #most: number
  #found = 0
  #at = 0
  /** The first of what was found since the kernel booted. */
  #cause: CrashReport | undefined

  /** `onReport` is called when a report is complete; after `most` of them, no more are looked for. */
  constructor(onReport: (report: FoundReport) => void, most = Number.POSITIVE_INFINITY) {
    this.#onReport = onReport
    this.#most = most
  }

  /** Whether a report has begun that is not complete yet. */
  get isInside(): boolean {
    return this.#open.some(({ lingers }) => lingers === undefined)
  }

  /** Whether there is a report that was not told yet. */
  get isOpen(): boolean {
    return this.#open.length > 0
  }

  /** Whether a report that is open has led to a panic, or is one. */
  get isPanic(): boolean {
    return this.#open.some(({ lines }) => lines.some((line) => PANIC.test(line)))
  }

  /** Lines without their newline; `bytes` is what they take in the log, newlines included, when they are not all of it. */
  lines(lines: readonly string[]): void {
    for (const line of lines) this.line(line, Buffer.byteLength(line) + 1)
  }

  line(whole: string, bytes: number): void {
    const raw = whole.length > MAX_LINE ? whole.slice(0, MAX_LINE) : whole
    const start = this.#at
    this.#at += bytes
    if (this.#open.length === 0) {
      // By far the most common case: nothing is open, and nothing opens.
      const opened = mayOpen(raw) ? openingOf(readTornLine(raw).text) : undefined
      if (opened) this.#begin(raw, opened, start)
      this.#remember(raw)
      return
    }
    this.#inside(raw, start)
    this.#remember(raw)
  }

  /** Lines, each with its newline, of which none begins a report while none is open. */
  pass(text: string): void {
    this.#at += text.length
    let from = text.length - 1
    for (let lines = 0; lines < LINES_BEFORE && from > 0; lines++)
      from = text.lastIndexOf('\n', from - 1)
    for (const line of text.slice(from + 1, -1).split('\n')) this.#remember(line.slice(0, MAX_LINE))
  }

  /** Nothing has come for a while: a report that has ended leads to no panic. */
  settle(): void {
    for (const one of this.#open) if (one.lingers !== undefined) this.#close(one)
  }

  /** The console is over, or no more is waited for: open reports are all there is of them. */
  flush(): void {
    const open = this.#open
    this.#open = []
    for (const one of open) this.#report(one)
  }

  /** The machine was reset, and not by its kernel's order: what is open comes to no end, and the reset is a complaint of its own. */
  reset(): void {
    this.flush()
    if (this.#found++ >= this.#most) return
    this.#onReport({ ...unexpectedReboot(this.#before), start: this.#at, stop: this.#at })
  }

  #inside(raw: string, start: number): void {
    const { text, context } = readTornLine(raw)
    const opening = openingOf(text)
    let isTaken = false
    for (const one of this.#open) {
      const isOwn = one.context === context
      const belongs = isOwn && belongsTo(one, opening, text)
      const isShared = isOwn && !belongs && opening !== undefined && one.trace === 'awaited'
      if (isOwn && !belongs && !isShared) {
        this.#close(one)
        continue
      }
      if (isShared) one.trace = 'shared'
      else if (isOwn && one.trace !== 'shown' && startsTrace(text)) one.trace = 'shown'
      one.lines.push(raw)
      // All of the line: what was cut off it may still be in memory (V8 keeps the text that a part was taken of).
      one.bytes += this.#at - start
      if (belongs) {
        isTaken = true
        one.stop = this.#at
        if (one.lingers === undefined && endsReport(one, text)) one.lingers = LINES_TO_PANIC
        if (/^---\[ end Kernel panic|^Rebooting in \d/.test(text)) one.lingers = 0
      }
      if (one.lingers !== undefined && one.lingers-- <= 0) this.#close(one)
      else if (one.lines.length - one.first >= MAX_LINES || one.bytes >= MAX_BYTES) this.#close(one)
    }
    if (!opening || isTaken) return
    // Whoever panics, it is because of what was said just before.
    const cause = PANIC.test(text) ? this.#open[0] : undefined
    if (cause) cause.panicked = true
    else this.#begin(raw, opening, start)
  }

  #begin(raw: string, opening: Opening, start: number): void {
    if (this.#found >= this.#most || this.#open.length >= MAX_OPEN) return
    this.#found++
    const { context } = readTornLine(raw)
    const before = this.#before.slice(-LINES_BEFORE)
    this.#open.push({
      context,
      opening,
      lines: [...before, raw],
      first: before.length,
      start,
      bytes: raw.length,
      stop: this.#at,
      lingers: undefined,
      panicked: false,
      trace: isCaller(context) && !opening.isNote ? 'awaited' : 'shown',
    })
  }

  #close(one: Open): void {
    this.#open = this.#open.filter((other) => other !== one)
    this.#report(one)
  }

  #report({ lines, first, start, stop, panicked }: Open): void {
    const report = readReport(lines, first)
    if (!report) return
    const cause = this.#cause
    const follows = cause && isConsequence(report.circumstances, cause)
    if (!follows) this.#cause = report
    this.#onReport({
      ...report,
      panicked: panicked || report.panicked,
      ...{ start, stop },
      ...(follows && { cause: cause.fingerprint }),
    })
  }

  #remember(raw: string): void {
    this.#before.push(raw)
    if (this.#before.length >= 2 * LINES_BEFORE) this.#before = this.#before.slice(-LINES_BEFORE)
  }
}

/** Whether a line of the same caller goes on with a report. */
function belongsTo(one: Open, opening: Opening | undefined, text: string): boolean {
  if (!opening)
    return (
      one.lingers === undefined ||
      /^(?:Kernel|\S+:|---\[|[ \t]|R[A-Z0-9]{2}:|Rebooting|Shutting)/.test(text)
    )
  if (opening.continues) return true
  if (one.opening.textOf?.test(text)) return true
  // Twice the same line is the kernel replaying it, or another console.
  return one.lingers === undefined && readTornLine(one.lines[one.first] ?? '').text === text
}

/** Whether a line is the last of a report. */
function endsReport(one: Open, text: string): boolean {
  if (text.startsWith('---[ end trace')) return true
  // KASAN and lockdep draw a line above their report too.
  return /^={20,}$/.test(text) && one.lines.length - one.first > 3
}
