import type { Booted } from '../boot/booted.ts'
import { lostDaemon } from '../boot/lost-daemon.ts'
import type { Ending } from '../outcome/verdict.ts'

/**
 * Settles when a VM of ours ends by itself, loses what serves it, breaks the protocol, or reboots and does not come up again; even while its output waits for a slow
 * reader. That its guest reboots is no end.
 */
export async function endOfVm({ vm, boots, daemons }: Booted): Promise<Ending> {
  const gone = vm.ended.then(
    // One that ends on its way up has not booted, which says more.
    (end): Promise<Ending> | Ending => (boots.isUp ? { kind: 'vm', end } : boots.lost),
  )
  const unserved = lostDaemon(vm, daemons).then((why): Ending => ({ kind: 'broken', why }))
  return await Promise.race([boots.lost, gone, unserved])
}
