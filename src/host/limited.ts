import type { ChildProcess } from 'node:child_process'
import { basename } from 'node:path'

import { Deadline, formatBytes, formatDuration } from '../base/index.ts'
import { Patience } from './patience.ts'

/** A program that klab has ended, because there was nothing more to be had of it. */
export interface GivenUp {
  readonly kind: 'given-up'
  readonly why: string
}

/** Ends a program that takes too long, is stopped, or prints too much. Dispose of it when the program has ended. */
export class Limited implements Disposable {
  readonly #child: ChildProcess
  readonly #name: string
  readonly #patience: Patience
  readonly #deadline: Deadline
  readonly #over = Promise.withResolvers<GivenUp>()

  /** Infinity for one that may take as long as it likes, while it runs. */
  constructor(child: ChildProcess, limitMs: number) {
    this.#child = child
    this.#name = basename(child.spawnfile)
    this.#patience = new Patience({ what: this.#name, pid: child.pid }, Number.POSITIVE_INFINITY)
    this.#deadline = new Deadline(limitMs)
    void this.#deadline.passed.then(() =>
      this.#giveUp(`${this.#name} has not ended within ${formatDuration(limitMs)}`),
    )
    const never = new Promise<never>(() => undefined)
    this.#patience
      .for(never, (why) => new Error(why))
      .catch((error: Error) => {
        this.#giveUp(error.message)
      })
  }

  /** Settles when it was ended. */
  get givenUp(): Promise<GivenUp> {
    return this.#over.promise
  }

  tooMuch(bytes: number): void {
    this.#giveUp(`${this.#name} has printed more than ${formatBytes(bytes)}`)
  }

  #giveUp(why: string): void {
    this.#over.resolve({ kind: 'given-up', why })
    this.#child.kill('SIGKILL')
    // What it has started may have its pipes, and go on.
    this.#child.stdout?.destroy()
    this.#child.stderr?.destroy()
  }

  [Symbol.dispose](): void {
    this.#patience[Symbol.dispose]()
    this.#deadline[Symbol.dispose]()
  }
}
