import { WakingClock } from './waking-clock.ts'

/** How often it looks at the time; whoever looks finds no more than twice as much gone. */
const LOOK_EVERY_MS = 500

/**
 * A moment after which waiting is over. Only time in which this process ran counts: a laptop that slept, or Ctrl-Z, makes nobody late. What has come
 * by then is heard first.
 */
export class Deadline implements Disposable {
  readonly #ms: number
  readonly #passed = Promise.withResolvers<'passed'>()
  #timer: NodeJS.Timeout | undefined
  #leftMs: number
  #clock = new WakingClock(LOOK_EVERY_MS * 2)

  /** Infinity for one that never comes. */
  constructor(ms: number) {
    this.#ms = ms
    this.#leftMs = ms
    this.#wait()
  }

  /** Resolves when the time is up; never rejects. */
  get passed(): Promise<'passed'> {
    return this.#passed.promise
  }

  /** The time begins anew. */
  renew(): void {
    this.#leftMs = this.#ms
    this.#clock = new WakingClock(LOOK_EVERY_MS * 2)
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#leftMs = Number.POSITIVE_INFINITY
  }

  #wait(): void {
    const pauseMs = Math.min(this.#leftMs, LOOK_EVERY_MS)
    this.#timer = setTimeout(() => {
      this.#leftMs -= this.#clock.passed()
      if (this.#leftMs > 0) this.#wait()
      // After the answers that lie in sockets: timers come before them.
      else setImmediate(() => this.#end())
    }, pauseMs)
  }

  #end(): void {
    if (this.#leftMs <= 0) this.#passed.resolve('passed')
    // Renewed by what was heard at the last moment.
    else if (this.#timer) this.#wait()
  }
}
