import { nextHint } from '../rows/openings.ts'
import { ReportScanner, type FoundReport } from './report-scanner.ts'
import { UntilPanic } from './until-panic.ts'

/** The first line of a kernel (init/version.c). */
const BOOTS = 'Linux version '

/** A line that goes on for longer is cut here: what follows in it is counted and dropped. */
const MAX_CARRY = 64 * 1024

/**
 * Finds the reports of a log that is read in chunks, in constant memory and linear time. Any bytes: they are read as latin1. Where nothing
 * is open, it looks for the next line that may begin a report, and does not take the others apart.
 */
export class LogReader {
  readonly #scanner: ReportScanner
  readonly #held: UntilPanic
  /** The line that has begun, as far as it is kept, and how much of it was dropped. */
  #carry = ''
  #dropped = 0

  constructor(onReport: (report: FoundReport) => void) {
    this.#held = new UntilPanic(onReport)
    this.#scanner = new ReportScanner((report) => this.#held.take(report))
  }

  push(chunk: Buffer): void {
    const text = chunk.toString('latin1')
    const first = text.indexOf('\n')
    if (first < 0) {
      this.#keep(text)
      return
    }
    let at = 0
    if (this.#carry !== '' || this.#dropped > 0) {
      this.#keep(text.slice(0, first))
      this.#endCarry(1)
      at = first + 1
    }
    const last = text.lastIndexOf('\n') + 1
    this.#block(text, at, last)
    this.#keep(text.slice(last))
  }

  /** The log is over. */
  end(): void {
    if (this.#carry !== '') this.#endCarry(0)
    this.#boots()
  }

  /** Whole lines of a text. */
  #block(text: string, from: number, to: number): void {
    let at = from
    for (let boot = at; (boot = text.indexOf(BOOTS, boot)) >= 0 && boot < to; boot++) {
      const line = text.lastIndexOf('\n', boot) + 1
      this.#linesOf(text, at, line)
      this.#boots()
      at = Math.max(at, line)
    }
    this.#linesOf(text, at, to)
  }

  /** The log is over, or another kernel begins: what that one says is no part of what this one complained of. */
  #boots(): void {
    this.#scanner.flush()
    this.#held.boots()
  }

  #linesOf(text: string, from: number, to: number): void {
    let at = from
    while (at < to) {
      if (!this.#scanner.isOpen) {
        const hint = nextHint(text, at)
        if (hint < 0 || hint >= to) {
          this.#scanner.pass(text.slice(at, to))
          return
        }
        const line = text.lastIndexOf('\n', hint) + 1
        if (line > at) this.#scanner.pass(text.slice(at, line))
        at = Math.max(at, line)
      }
      const end = text.indexOf('\n', at) + 1
      this.#scanner.line(withoutReturn(text.slice(at, end - 1)), end - at)
      at = end
    }
  }

  #keep(text: string): void {
    const kept = text.slice(0, Math.max(0, MAX_CARRY - this.#carry.length))
    this.#carry += kept
    this.#dropped += text.length - kept.length
  }

  #endCarry(newline: number): void {
    const line = this.#carry
    const bytes = line.length + this.#dropped + newline
    this.#carry = ''
    this.#dropped = 0
    if (line.includes(BOOTS)) this.#boots()
    this.#scanner.line(withoutReturn(line), bytes)
  }
}

function withoutReturn(line: string): string {
  return line.includes('\r') ? line.replaceAll('\r', '') : line
}
