import { cpuCount } from '../../host/index.ts'
import type { Paths } from '../session/paths.ts'
import type { Claim } from './claim.ts'
import { Queue } from './queue.ts'
import { TicketRack } from './ticket.ts'

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
  const queue = new Queue(rack, onWait)
  for (;;) {
    const ticket = rack.take(claim)
    try {
      await queue.untilAdmitted(ticket, stop)
      if (!rack.admit(ticket)) continue
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
}

function cpusOf(claims: readonly Claim[]): number {
  return claims.reduce((sum, { cpus }) => sum + cpus, 0)
}
