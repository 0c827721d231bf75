/** Time in which this process ran: a laptop that sleeps, or Ctrl-Z, stops us and mostly the guest too, and is nobody's silence. */
export class WakingClock {
  readonly #mostMs: number
  #before = performance.now()

  /** Nobody who looks as often as he means to finds more than `mostMs` gone. */
  constructor(mostMs: number) {
    this.#mostMs = mostMs
  }

  /** What has passed since the last look. */
  passed(): number {
    const now = performance.now()
    const ms = Math.min(now - this.#before, this.#mostMs)
    this.#before = now
    return ms
  }
}
