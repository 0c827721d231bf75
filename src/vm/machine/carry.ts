import type { Machine } from './machine.ts'

/** To what the state of a VM is carried: clones of it, begun anew each time, or one VM that goes on. */
export type Carrier = 'template' | 'snapshot'

/**
 * Why the state of such a machine cannot be carried to another VM; undefined when it can. Empty scratch disks are the same
 * for every clone, but gone when a snapshot is taken up.
 */
export function carryObstacle(
  machine: Pick<Machine, 'disks' | 'nodes' | 'reboots' | 'qemuArgs'>,
  by: Carrier,
): string | undefined {
  const { disks, nodes, reboots, qemuArgs } = machine
  if (qemuArgs.length > 0) return "QEMU's own arguments may name what cannot be carried over"
  const fixed = disks.find(({ interface: kind }) => kind !== 'virtio' && kind !== 'scsi')
  // QEMU marks its NVMe controller as one that cannot be migrated; persistent memory is no part of the state.
  if (fixed) return `a disk of kind ${fixed.interface} cannot be carried over`
  switch (by) {
    case 'template':
      if (nodes > 1) return 'memory of several nodes cannot be one file'
      if (disks.some(({ source }) => source.kind === 'file'))
        return 'a guest that has seen a disk remembers what was on it'
      // What the kernel loaded at its start is in memory; a boot from the firmware on would not find it.
      return reboots ? 'a clone has no initramfs to boot from again' : undefined
    case 'snapshot':
      if (disks.length > 0) return 'what is on its disks is no part of the state'
      return reboots ? 'it could not boot again, without its initramfs' : undefined
  }
}
