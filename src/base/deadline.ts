/** A moment after which waiting is over, as a promise that rejects and a timer that never keeps the process alive. */
export class Deadline implements Disposable {
  readonly #timer: NodeJS.Timeout
  /** Resolves when the time is up; never rejects. */
  readonly passed: Promise<'passed'>

  constructor(ms: number) {
    const { promise, resolve } = Promise.withResolvers<'passed'>()
    this.passed = promise
    // Node fires at once for delays over 2^31-1 ms (24.8 days).
    this.#timer = setTimeout(() => resolve('passed'), Math.min(ms, 2 ** 31 - 1))
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
  }
}
