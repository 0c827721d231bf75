import { processIdentity } from '../../host/index.ts'
import type { Booted } from '../boot/booted.ts'
import type { VmRecord } from './vm-record.ts'

/** The processes that a VM consists of, for whoever finds that one of them does not answer. */
export function processesOf({
  vm,
  daemons,
}: Pick<Booted, 'vm' | 'daemons'>): Pick<VmRecord, 'qemu' | 'daemons'> {
  const identity = (pid: number | undefined) =>
    pid === undefined ? undefined : processIdentity(pid)
  const qemu = identity(vm.pid)
  const served = daemons.flatMap(({ what, process }) => {
    const found = identity(process.pid)
    return found ? [[what, found] as const] : []
  })
  return { ...(qemu && { qemu }), daemons: Object.fromEntries(served) }
}
