import type { Bus } from './arch.ts'

/** As what the guest sees a disk: `pmem` is memory that keeps what is in it, `zoned` an NVMe disk that is written zone by zone. */
export type DiskInterface = 'virtio' | 'scsi' | 'nvme' | 'zoned' | 'pmem'

export type DiskSource =
  /** New and empty, and gone with the VM. */
  | { readonly kind: 'scratch'; readonly bytes: number }
  | {
      readonly kind: 'file'
      /** Absolute. */
      readonly path: string
      readonly format: 'raw' | 'qcow2'
      /** Of the file. */
      readonly bytes: number
      /** `cow`: what the guest writes is gone with the VM. */
      readonly access: 'ro' | 'rw' | 'cow'
    }

export interface Disk {
  readonly source: DiskSource
  readonly interface: DiskInterface
  /** By which the guest knows it: up to 20 letters, digits, `.`, `_` and `-`. Persistent memory has none. */
  readonly serial: string
  /** Operations a second, at most. */
  readonly iops?: number
}

/** What QEMU and a kernel must have for an interface. */
interface InterfaceFacts {
  readonly needsPci: boolean
  readonly devices: (bus: Bus) => readonly string[]
  /** Of the kernel, without CONFIG_. */
  readonly options: readonly string[]
}

const INTERFACES: Readonly<Record<DiskInterface, InterfaceFacts>> = {
  virtio: {
    needsPci: false,
    devices: (bus) => [`virtio-blk-${bus}`],
    options: ['VIRTIO_BLK'],
  },
  scsi: {
    needsPci: false,
    devices: (bus) => [`virtio-scsi-${bus}`, 'scsi-hd'],
    options: ['SCSI', 'SCSI_VIRTIO', 'BLK_DEV_SD'],
  },
  nvme: { needsPci: true, devices: () => ['nvme'], options: ['BLK_DEV_NVME'] },
  zoned: {
    needsPci: true,
    devices: () => ['nvme', 'nvme-ns'],
    options: ['BLK_DEV_NVME', 'BLK_DEV_ZONED'],
  },
  pmem: {
    needsPci: true,
    devices: () => ['virtio-pmem-pci'],
    options: ['LIBNVDIMM', 'BLK_DEV_PMEM', 'VIRTIO_PMEM'],
  },
}

export function interfaceFacts(disk: Pick<Disk, 'interface'>): InterfaceFacts {
  return INTERFACES[disk.interface]
}

/** The options that a kernel must have for these disks, without CONFIG_. */
export function diskOptions(disks: readonly Disk[]): string[] {
  return [...new Set(disks.flatMap((disk) => interfaceFacts(disk).options))]
}

/** Beyond what QEMU is given otherwise: a frozen state, the tap devices of bridges (20 and on). */
const FIRST_SCRATCH_FD = 40

/** The descriptor of QEMU for the scratch disk that is a machine's disk of that index. */
export function scratchFd(index: number): number {
  return FIRST_SCRATCH_FD + index
}

/** Where QEMU finds the file behind a disk of a machine. A scratch disk has no other name: QEMU opens it now and again. */
export function diskPath({ source }: Disk, index: number): string {
  return source.kind === 'scratch' ? `/proc/self/fd/${scratchFd(index)}` : source.path
}
