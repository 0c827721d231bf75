/** A thing takes this long before anybody is told how far it is. */
const QUIET_MS = 1_000
const EVERY_MS = 200

/** One line on a terminal's stderr that is overwritten, for what takes long; nothing elsewhere. */
export class Progress implements Disposable {
  readonly #startedAt = performance.now()
  #shownAt = 0

  show(text: string): void {
    const now = performance.now()
    if (!process.stderr.isTTY || now - this.#startedAt < QUIET_MS || now - this.#shownAt < EVERY_MS)
      return
    this.#shownAt = now
    process.stderr.write(`\r\u001b[Kklab: ${text}`)
  }

  /** Makes room for something else on the terminal. */
  clear(): void {
    if (this.#shownAt > 0) process.stderr.write('\r\u001b[K')
  }

  [Symbol.dispose](): void {
    this.clear()
  }
}
