import { setTimeout as sleep } from 'node:timers/promises'

import type { Qmp } from './qmp.ts'

/** QEMU refuses for as long as it is at something, and one that is stopped (SIGSTOP) says nothing. */
const AGAIN_MS = 1_000

/**
 * Lets a VM stand still while it is read, and go on after that, whoever waits for it or has gone. QEMU itself would let it go on after a dump: from another
 * thread, by a note that the next dump overwrites.
 */
export class Holds {
  readonly #qmp: Qmp
  #last: Promise<void> = Promise.resolve()
  /** Those that hold it, or wait for it. */
  #count = 0
  /** It ran, or was to run: it goes on after the last of them. */
  #isOwed = false
  #isOver = false

  constructor(qmp: Qmp) {
    this.#qmp = qmp
    qmp.once('closed', () => (this.#isOver = true))
  }

  /** Does something with a VM that stands still. One at a time: QEMU can do no more. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    const mine = Promise.withResolvers<void>()
    const before = this.#last
    this.#last = mine.promise
    this.#count++
    await before
    try {
      await this.#stop()
      return await work()
    } finally {
      this.#count--
      mine.resolve()
      if (!(await this.#goOn())) void this.#goOnLater()
    }
  }

  /** It stands still until it is told to go on. */
  async pause(): Promise<void> {
    this.#isOwed = false
    await this.#qmp.execute('stop')
  }

  /** It goes on, or will when nobody holds it any more. */
  async resume(): Promise<void> {
    if (this.#count > 0) this.#isOwed = true
    else await this.#qmp.execute('cont')
  }

  async #stop(): Promise<void> {
    if (this.#isOwed) return
    const { status } = (await this.#qmp.execute('query-status')) as { status: string }
    if (status !== 'running') return
    this.#isOwed = true
    await this.#qmp.execute('stop')
  }

  /** False if it should go on and does not. */
  async #goOn(): Promise<boolean> {
    if (!this.#isOwed || this.#count > 0 || this.#isOver) return true
    // Whoever comes now finds it running: QEMU does one thing after the other.
    this.#isOwed = false
    try {
      await this.#qmp.execute('cont')
      return true
    } catch {
      this.#isOwed = true
      return false
    }
  }

  async #goOnLater(): Promise<void> {
    do await sleep(AGAIN_MS, undefined, { ref: false })
    while (!(await this.#goOn()))
  }
}
