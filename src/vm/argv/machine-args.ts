import { archFacts, machineTypeFacts } from '../machine/arch.ts'
import type { BootSpec } from '../machine/boot-spec.ts'
import type { Machine } from '../machine/machine.ts'
import { topologyOf } from '../machine/nodes.ts'

/** For `-sandbox`: what QEMU is never asked to do, it may not do. Its input is a hostile guest. */
export const SANDBOX = 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'

/** The machine, what carries out its instructions, and what QEMU may do. */
export function machineArgs({ machine, accelerator, sandbox }: BootSpec): string[] {
  // One row per option: the formatter cannot part an option from its value.
  return [
    ['-nodefaults', '-no-user-config'],
    ['-machine', machineTypeFacts(machine).argument],
    accelArgs({ machine, accelerator }),
    ['-smp', cpusArgument(machine)],
    // With panic=-1 a panic ends QEMU instead of hanging the run.
    machine.reboots ? [] : ['-no-reboot'],
    sandbox ? ['-sandbox', SANDBOX] : [],
  ].flat()
}

function cpusArgument(machine: Machine): string {
  const topology = topologyOf(machine)
  if (!topology) return String(machine.cpus)
  const { sockets, cores, threads } = topology
  return `${machine.cpus},sockets=${sockets},cores=${cores},threads=${threads}`
}

function accelArgs({
  machine,
  accelerator,
}: Pick<BootSpec, 'machine' | 'accelerator'>): readonly string[] {
  const { cpu } = archFacts(machine.arch)
  switch (accelerator.kind) {
    case 'kvm':
      return ['-accel', 'kvm', '-cpu', cpu.kvm]
    case 'tcg': {
      const thread = accelerator.inTurns ? 'single' : 'multi'
      return ['-accel', `tcg,thread=${thread}`, '-cpu', cpu.tcg]
    }
  }
}
