import { machineTypeFacts } from './arch.ts'
import { interfaceFacts } from './disk.ts'
import type { Machine } from './machine.ts'

/** The devices that QEMU must have for a machine whose root or shares come by that transport, if any do. */
export function neededDevices(
  machine: Pick<Machine, 'arch' | 'type' | 'disks'>,
  transport: '9p' | 'virtiofs' | undefined,
): string[] {
  const { bus } = machineTypeFacts(machine)
  return [
    `virtio-serial-${bus}`,
    'virtserialport',
    `virtio-rng-${bus}`,
    ...machine.disks.flatMap((disk) => interfaceFacts(disk).devices(bus)),
    ...(transport === '9p' ? [`virtio-9p-${bus}`] : []),
    ...(transport === 'virtiofs' ? [`vhost-user-fs-${bus}`] : []),
  ]
}
