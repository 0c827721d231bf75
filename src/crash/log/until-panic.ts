import type { FoundReport } from './report-scanner.ts'

/** What is held back at most, in characters of reports: a log may be all reports, and memory is not. */
const MOST = 32 * 1024

/**
 * Holds reports of a log back until it is known whether the kernel went on to panic: it may be stuck for minutes, and complain of ever more
 * tasks, before it gives up.
 */
export class UntilPanic {
  readonly #onReport: (report: FoundReport) => void
  #held: FoundReport[] = []
  #size = 0

  constructor(onReport: (report: FoundReport) => void) {
    this.#onReport = onReport
  }

  take(report: FoundReport): void {
    this.#held.push(report)
    this.#size += report.text.length
    if (report.panicked) this.#tell({ panicked: true })
    else if (this.#size > MOST) this.boots()
  }

  /** A kernel boots, or the log is over: what is held led to no panic. */
  boots(): void {
    this.#tell({})
  }

  #tell(more: { readonly panicked?: true }): void {
    const held = this.#held
    this.#held = []
    this.#size = 0
    for (const one of held) this.#onReport({ ...one, ...more })
  }
}
