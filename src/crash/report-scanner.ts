import { ENDS, FUNCTION, PATTERNS, type ReportKind } from './patterns.ts'

/** One kernel complaint found on the console. */
export interface Report {
  readonly kind: ReportKind
  readonly title: string
  readonly lines: readonly string[]
}

/** A report that says no more for this many lines says no more at all. */
const MAX_LINES = 200
/** Of a flood of reports the first ones tell the story. */
const MAX_REPORTS = 100

interface Open {
  readonly kind: ReportKind
  readonly title: string
  readonly lines: string[]
  functionName: string | undefined
}

/** Finds reports in console lines as they come, in constant memory. */
export class ReportScanner {
  readonly #onReport: (report: Report) => void
  #open: Open | undefined
  #found = 0

  /** `onReport` is called when a report is complete. */
  constructor(onReport: (report: Report) => void) {
    this.#onReport = onReport
  }

  /** Whether a report has begun that is not complete yet. */
  get isInside(): boolean {
    return this.#open !== undefined
  }

  lines(lines: readonly string[]): void {
    for (const line of lines) this.#line(withoutPrefix(line))
  }

  /** The console is over, or no more is waited for: an open report is all there is of it. */
  flush(): void {
    const open = this.#open
    this.#open = undefined
    if (!open) return
    const place = open.functionName ?? 'unknown function'
    this.#onReport({
      kind: open.kind,
      title: open.title.replace('$F', withoutClones(place)),
      lines: open.lines,
    })
  }

  #line(line: string): void {
    const open = this.#open
    if (!open) {
      this.#begin(line)
      return
    }
    // A panic says that the report before it was fatal; any other beginning inside a report belongs to it.
    if (line.startsWith('Kernel panic - not syncing')) {
      this.flush()
      this.#begin(line)
      return
    }
    open.lines.push(line)
    open.functionName ??= FUNCTION.exec(line)?.[1]
    const isEnd = ENDS.some((end) => end.test(line))
    // KASAN and lockdep draw a line above their report too.
    if ((isEnd && open.lines.length > 2) || open.lines.length >= MAX_LINES) this.flush()
  }

  #begin(line: string): void {
    if (this.#found >= MAX_REPORTS) return
    for (const { kind, match, title } of PATTERNS) {
      const found = match.exec(line)
      if (!found) continue
      const filled = withoutClones(
        title.replaceAll(/\$(\d)/g, (_, group: string) => found[Number(group)] ?? ''),
      )
      this.#found++
      this.#open = { kind, title: filled, lines: [line], functionName: undefined }
      return
    }
  }
}

/** The compiler's copies of a function are the function: `f.cold`, `f.isra.0`, `f.constprop.3`, `f.part.1`. */
function withoutClones(text: string): string {
  return text.replaceAll(/\.(?:cold|isra|constprop|part)(?:\.\d+)*\b/g, '')
}

/** Without `[   12.345678][  T123] `, a log level, and what a terminal would make of control characters. */
function withoutPrefix(line: string): string {
  return line
    .replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f]/g, '')
    .replace(/^(?:<\d+>)?(?:\[\s*\d+\.\d+\])?(?:\[\s*[TC]\d+\])?\s?/, '')
}
