import type { Peer } from '../../host/index.ts'
import type { Booted } from './booted.ts'

/** A guest of ours, and the processes of this machine that it hangs on. */
export function peerOf({ vm, daemons }: Pick<Booted, 'vm' | 'daemons'>): Peer {
  const served = daemons.map(({ what, process }) => ({ what, pid: process.pid }))
  return { what: 'the guest', behind: [{ what: 'QEMU', pid: vm.pid }, ...served] }
}
