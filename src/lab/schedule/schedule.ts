import { watch } from 'node:fs'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

import { InfraError } from '../../base/index.ts'
import { cpuCount, memoryMiB } from '../../host/index.ts'
import type { Paths } from '../session/paths.ts'
import { mayRun, type Claim } from './claim.ts'
import { TicketRack, type Ticket } from './ticket.ts'

/** Memory comes and goes by the hand of others too, of whom no file tells. */
const LOOK_AGAIN_MS = 1_000

/** Writing a ticket takes less than that, where whoever does it has a CPU. */
const DRAFT_MS = 2

/** A place for one VM on this machine; disposing of it gives it back. */
export interface Place extends Disposable {
  /** With the VMs beside it, it has more virtual CPUs than this machine has CPUs. */
  readonly crowded: boolean
  /** Says which process of QEMU has the memory now. */
  readonly occupy: (qemu: number) => void
}

/**
 * Waits until a VM may run beside all others that klabs run on this machine, in the order in which they came: until there is memory for it, and,
 * for one of many (`patient`), CPUs. The first of all never waits. Throws InfraError when it can never run, and when `stop` is aborted.
 */
export async function takePlace(
  paths: Paths,
  claim: Claim,
  { stop, onWait }: { readonly stop: AbortSignal; readonly onWait: (why: string) => void },
): Promise<Place> {
  const rack = new TicketRack(paths)
  const ticket = rack.take(claim)
  try {
    await untilAdmitted(rack, ticket, { stop, onWait })
    return {
      crowded: cpusOf(rack.before(ticket)) + claim.cpus > cpuCount(),
      occupy: (qemu) => rack.occupy(ticket, qemu),
      [Symbol.dispose]: () => rack.giveBack(ticket),
    }
  } catch (error) {
    rack.giveBack(ticket)
    throw error
  }
}

async function untilAdmitted(
  rack: TicketRack,
  ticket: Ticket,
  { stop, onWait }: { readonly stop: AbortSignal; readonly onWait: (why: string) => void },
): Promise<void> {
  let isSaid = false
  // One that stands still with its draft (Ctrl-Z) holds nobody up.
  const until = performance.now() + LOOK_AGAIN_MS
  for (;;) {
    stop.throwIfAborted()
    if (performance.now() < until && rack.isBeingWritten) {
      await sleep(DRAFT_MS)
      continue
    }
    const before = rack.before(ticket)
    const machine = { cpus: cpuCount(), ...memoryMiB() }
    const verdict = mayRun(ticket.claim, before, machine)
    if (verdict.kind === 'yes') return
    if (verdict.kind === 'never') throw new InfraError('MEMORY', verdict.why)
    if (!isSaid) onWait(verdict.why)
    isSaid = true
    await changed(rack.directory, stop)
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

function cpusOf(claims: readonly Claim[]): number {
  return claims.reduce((sum, { cpus }) => sum + cpus, 0)
}
