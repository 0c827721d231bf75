import type { Machine } from './machine.ts'

/** virtio devices are named by their bus: microvm has virtio-mmio, q35 has PCI. */
export const BUS = { microvm: 'device', q35: 'pci' } as const satisfies Record<
  Machine['type'],
  string
>

/** The devices that QEMU must have for a machine whose root or shares come by that transport, if any do. */
export function neededDevices(
  type: Machine['type'],
  transport: '9p' | 'virtiofs' | undefined,
): string[] {
  const bus = BUS[type]
  return [
    `virtio-serial-${bus}`,
    'virtserialport',
    `virtio-rng-${bus}`,
    ...(transport === '9p' ? [`virtio-9p-${bus}`] : []),
    ...(transport === 'virtiofs' ? [`vhost-user-fs-${bus}`] : []),
  ]
}
