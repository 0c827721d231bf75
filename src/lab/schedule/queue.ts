import { watch } from 'node:fs'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

import { InfraError } from '../../base/index.ts'
import { cpuCount, memoryMiB, stoppedOf } from '../../host/index.ts'
import { mayRun } from './claim.ts'
import type { EarlierTicket, Ticket, TicketRack } from './ticket.ts'

/** Memory comes and goes by the hand of others too, of whom no file tells. */
const LOOK_AGAIN_MS = 1_000

/** Writing a ticket takes less than that, where whoever does it has a CPU. */
const DRAFT_MS = 2

/** A klab that is stopped for so long (Ctrl-Z) before it has its place loses its turn. */
const STOPPED_LIMIT_MS = 3_000

/** One klab's wait for a place behind others. */
export class Queue {
  readonly #rack: TicketRack
  readonly #onWait: (why: string) => void
  #isSaid = false
  /** Those that stand still, by their tickets, and since when. */
  readonly #stopped = new Map<string, number>()

  constructor(rack: TicketRack, onWait: (why: string) => void) {
    this.#rack = rack
    this.#onWait = onWait
  }

  /** Waits until it is a ticket's turn. Throws as takePlace does. */
  async untilAdmitted(ticket: Ticket, stop: AbortSignal): Promise<void> {
    await this.#untilWritten(stop)
    for (;;) {
      stop.throwIfAborted()
      const before = this.#rack.before(ticket)
      const machine = { cpus: cpuCount(), ...memoryMiB() }
      const verdict = mayRun(ticket.claim, before, machine)
      if (verdict.kind === 'yes') return
      if (verdict.kind === 'never') throw new InfraError('MEMORY', verdict.why)
      if (!this.#isSaid) this.#onWait(verdict.why)
      this.#isSaid = true
      if (!this.#passOver(before)) await changed(this.#rack.directory, stop)
    }
  }

  /** Whoever is about to hang a ticket up may have an earlier one. */
  async #untilWritten(stop: AbortSignal): Promise<void> {
    const until = performance.now() + LOOK_AGAIN_MS
    while (this.#rack.isBeingWritten) {
      stop.throwIfAborted()
      // One that stands still with its draft (Ctrl-Z) holds nobody up.
      if (performance.now() > until) this.#rack.passOverDrafts()
      else await sleep(DRAFT_MS)
    }
  }

  /**
   * Tells of those that are stopped, and passes over who waits like us. One that has its place may have begun to use it: it is waited for. True if there is
   * something new.
   */
  #passOver(before: readonly EarlierTicket[]): boolean {
    let isNew = false
    for (const { name, owner, isAdmitted } of before) {
      const why = stoppedOf({ what: 'a klab that came before', pid: owner.pid })
      if (why === undefined) {
        this.#stopped.delete(name)
        continue
      }
      const since = this.#stopped.get(name)
      if (since === undefined) {
        this.#stopped.set(name, performance.now())
        this.#onWait(`held up: ${why}`)
      } else if (!isAdmitted && performance.now() - since > STOPPED_LIMIT_MS) {
        this.#rack.passOver({ name })
        isNew = true
      }
    }
    return isNew
  }
}

/** Settles when a VM has gone, or after a while. */
async function changed(dir: string, stop: AbortSignal): Promise<void> {
  const over = new AbortController()
  const watcher = watch(dir, { signal: over.signal })
  watcher.on('error', () => undefined)
  const timer = setTimeout(() => over.abort(), LOOK_AGAIN_MS)
  const onStop = () => over.abort()
  stop.addEventListener('abort', onStop, { once: true })
  try {
    await Promise.race([
      once(watcher, 'change', { signal: over.signal }),
      once(over.signal, 'abort'),
    ])
  } catch {
    // Time to look again.
  }
  clearTimeout(timer)
  stop.removeEventListener('abort', onStop)
  over.abort()
}
