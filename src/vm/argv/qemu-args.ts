import { archFacts, machineTypeFacts } from '../machine/arch.ts'
import type { BootSpec, VmSockets } from '../machine/boot-spec.ts'
import { channelArgs } from './channel-args.ts'
import { diskArgs } from './disk-args.ts'
import { displayArgs } from './display-args.ts'
import { exportArgs } from './export-args.ts'
import { kernelParameters } from './kernel-parameters.ts'
import { machineArgs } from './machine-args.ts'
import { memoryArgs } from './memory-args.ts'
import { netArgs } from './net-args.ts'
import { escaped } from './option.ts'

/** The QEMU command line for one boot. Pure: the same spec gives the same argv. */
export function qemuArgs(spec: BootSpec, sockets: VmSockets): string[] {
  const { machine } = spec
  const { bus } = machineTypeFacts(machine)
  const { panicDevice } = archFacts(machine.arch)
  return [
    ...machineArgs(spec),
    ...memoryArgs(spec),
    ...channelArgs(sockets, bus),
    ...['-device', `virtio-rng-${bus}`],
    // A panic stops the machine with its memory intact, and klab lets it go on (running/vm.ts).
    ...(spec.pvpanic ? ['-device', panicDevice, '-action', 'panic=pause'] : []),
    ...(spec.vmcoreinfo ? ['-device', 'vmcoreinfo'] : []),
    ...displayArgs(spec),
    ...netArgs(spec.net, bus),
    ...exportArgs(spec.exports, bus),
    ...diskArgs(machine.disks, bus),
    ...['-kernel', spec.image],
    ...(spec.initrd === undefined ? [] : ['-initrd', spec.initrd]),
    ...['-append', kernelParameters(spec).join(' ')],
    ...(spec.incoming ? ['-incoming', 'defer'] : []),
    ...(spec.hold ? ['-S', '-gdb', `unix:${escaped(sockets.gdb)},server=on,wait=off`] : []),
    ...machine.qemuArgs,
  ]
}
