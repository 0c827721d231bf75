import { Deadline, formatDuration } from '../base/index.ts'
import { isStopped } from './identity.ts'

/** Another process, as far as it is waited for. */
export interface Peer {
  /** For people: `QEMU`, `the keeper of box`. */
  readonly what: string
  /** Absent for one that is no process of this machine, such as a guest. */
  readonly pid?: number | undefined
  /** Those without which it cannot answer. */
  readonly behind?: readonly Peer[]
}

/** A process that is stopped for so long while somebody waits for it is not waited for any more. */
const STOPPED_LIMIT_MS = 2_000
const LOOK_EVERY_MS = 250

/**
 * How long a process is waited for: until it has given no sign of life for some time, or is seen to be stopped. The one way in which klab waits for what
 * another process owes it.
 */
export class Patience implements Disposable {
  readonly #peer: Peer
  readonly #limitMs: number
  readonly #silence: Deadline
  #stopped: Deadline | undefined
  readonly #standstill = Promise.withResolvers<string>()
  readonly #timer: NodeJS.Timeout

  /** Infinity for a peer that may take as long as it likes, while it runs. */
  constructor(peer: Peer, limitMs: number) {
    this.#peer = peer
    this.#limitMs = limitMs
    this.#silence = new Deadline(limitMs)
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS)
  }

  /** It has given a sign of life. */
  renew(): void {
    this.#silence.renew()
  }

  /** Waits for what it owes. Throws what `late` makes of the reason when there is no more to be waited for. */
  async for<T>(owed: Promise<T>, late: (why: string) => Error): Promise<T> {
    const silent = this.#silence.passed.then(
      () => `${this.#peer.what} has said nothing for ${formatDuration(this.#limitMs)}`,
    )
    const first = await Promise.race([
      owed.then((value) => ({ value })),
      this.#standstill.promise,
      silent,
    ])
    if (typeof first === 'object') return first.value
    throw late(first)
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    this.#silence[Symbol.dispose]()
    this.#stopped?.[Symbol.dispose]()
  }

  /** Linux tells nobody but the parent that a process was stopped, and Node does not pass it on: it has to be looked for. */
  #look(): void {
    const stopped = stoppedOf(this.#peer)
    if (stopped === undefined) {
      this.#stopped?.[Symbol.dispose]()
      this.#stopped = undefined
    } else if (!this.#stopped) {
      this.#stopped = new Deadline(STOPPED_LIMIT_MS)
      void this.#stopped.passed.then(() => this.#standstill.resolve(stopped))
    }
  }
}

/** Says, for people, that a peer or one behind it is stopped, and what lets it go on. Undefined if none is. */
export function stoppedOf({ what, pid, behind = [] }: Peer): string | undefined {
  if (pid !== undefined && isStopped(pid))
    return `${what} (process ${pid}) is stopped; kill -CONT ${pid} lets it go on`
  return behind.map(stoppedOf).find((said) => said !== undefined)
}
