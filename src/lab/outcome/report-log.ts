import { setTimeout as sleep } from 'node:timers/promises'

import { ReportScanner, type FoundReport } from '../../crash/index.ts'
import type { ConsoleReader, Vm } from '../../vm/index.ts'
import type { AllowRules } from './allow-rule.ts'
import type { OnEvent } from './events.ts'

/** A report that has ended is told when nothing follows for so long. */
const SETTLED_AFTER_MS = 300

/** From a panic to the reset that follows it. */
const LAST_WORDS_MS = 30

/** Of a flood of reports the first ones tell the story. */
const MAX_REPORTS = 100

/** Reports on the console, sorted into those that count and those that the user allows. */
export class ReportLog {
  readonly #counted: FoundReport[] = []
  readonly #rules: AllowRules
  readonly #all: FoundReport[] = []
  #isOver = false
  #wasReset = false
  readonly #crashed = Promise.withResolvers<void>()
  readonly scanner: ReportScanner
  /** For the console. */
  readonly reader: ConsoleReader

  constructor(rules: AllowRules, onEvent: OnEvent) {
    this.#rules = rules
    this.scanner = new ReportScanner((report) => {
      // A console that shows a kernel being booted tells of a reboot where nobody else does; QEMU does.
      if (this.#isOver || (report.kind === 'REBOOT' && !this.#wasReset)) return
      const allowed = this.#rules.reasonFor(report)
      this.#all.push(report)
      if (allowed === undefined) this.#counted.push(report)
      onEvent({ kind: 'report', report, ...(allowed !== undefined && { allowed }) })
      if (allowed === undefined) this.#crashed.resolve()
    }, MAX_REPORTS)
    let quiet: NodeJS.Timeout | undefined
    this.reader = {
      lines: (lines) => {
        this.scanner.lines(lines)
        clearTimeout(quiet)
        quiet = this.scanner.isOpen
          ? setTimeout(() => this.scanner.settle(), SETTLED_AFTER_MS).unref()
          : undefined
      },
    }
  }

  /** Nothing that comes from now on counts. A report that is open is told if it is `complete`, or in any case (`all`). */
  end(what: 'complete' | 'all'): void {
    if (this.#isOver) return
    if (what === 'all') this.scanner.flush()
    else this.scanner.settle()
    this.#isOver = true
  }

  /** The kernel has panicked and stood still, and goes on to its end: what it says in its last moments belongs to the report, and one that comes to no end is not waited for. */
  async endWithPanic({ console, ended }: Pick<Vm, 'console' | 'ended'>): Promise<void> {
    const isOver = ended.then(() => true)
    do {
      if (await Promise.race([sleep(LAST_WORDS_MS, false, { ref: false }), isOver])) return
    } while (Date.now() - console.lastByteAt < LAST_WORDS_MS / 2)
    // Of a panic in an NMI nothing was printed before.
    if (this.scanner.isPanic) this.end('all')
  }

  /** The machine was reset, and its kernel had not said that it would. */
  unexpectedReboot(): void {
    if (this.#isOver) return
    this.#wasReset = true
    this.scanner.reset()
    this.#wasReset = false
  }

  /** Resolves when the first report that counts is complete. */
  get crashed(): Promise<void> {
    return this.#crashed.promise
  }

  get all(): readonly FoundReport[] {
    return this.#all
  }

  /** Those that the user does not allow. */
  get counted(): readonly FoundReport[] {
    return this.#counted
  }

  /** Tells a report that has ended now, and not when nothing has followed it for a while. */
  settle(): void {
    this.scanner.settle()
  }

  /** The first that counts: later ones are mostly its consequences. */
  get first(): FoundReport | undefined {
    return this.#counted[0]
  }
}
