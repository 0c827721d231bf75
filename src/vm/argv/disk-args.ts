import type { Bus } from '../machine/arch.ts'
import { diskPath, type Disk } from '../machine/disk.ts'
import { escaped } from './option.ts'

const MiB = 1024 * 1024

/** Of a zoned disk: large enough for btrfs and f2fs, small enough that a small disk has several. */
const ZONE_BYTES = 16 * MiB

/** The disks of a machine. */
export function diskArgs(disks: readonly Disk[], bus: Bus): string[] {
  // One controller for all of them.
  const hasScsi = disks.some((disk) => disk.interface === 'scsi')
  return [
    ...(hasScsi ? ['-device', `virtio-scsi-${bus},id=scsi`] : []),
    ...disks.flatMap((disk, index) => {
      const path = diskPath(disk, index)
      return disk.interface === 'pmem'
        ? pmemArgs(disk, `disk${index}`, path)
        : [...driveArgs(disk, `disk${index}`, path), ...deviceArgs(disk, `disk${index}`, bus)]
    }),
  ]
}

/** What is behind a disk. */
function driveArgs({ source, iops }: Disk, id: string, path: string): string[] {
  const options = [
    ...['if=none', `id=${id}`, `file=${escaped(path)}`],
    ...(source.kind === 'scratch'
      ? // Nobody reads it after the guest, so nothing is waited for.
        ['format=raw', 'cache=unsafe']
      : [`format=${source.format}`, ...ACCESS[source.access]]),
    // What the guest gives back takes no place any more.
    'discard=unmap',
    // The guest hears of errors; QEMU would stop it where the host's disk is full.
    ...['werror=report', 'rerror=report'],
    ...(iops === undefined ? [] : [`throttling.iops-total=${iops}`]),
  ]
  return ['-drive', options.join(',')]
}

const ACCESS = {
  ro: ['readonly=on'],
  rw: ['cache=writeback'],
  // QEMU writes to a file of its own, which it has removed before it uses it.
  cow: ['snapshot=on', 'cache=unsafe'],
} as const

function deviceArgs(disk: Disk, id: string, bus: Bus): string[] {
  const { serial } = disk
  switch (disk.interface) {
    case 'virtio':
      return ['-device', `virtio-blk-${bus},drive=${id},serial=${serial}`]
    case 'scsi':
      return ['-device', `scsi-hd,bus=scsi.0,drive=${id},serial=${serial}`]
    case 'nvme':
      return ['-device', `nvme,drive=${id},serial=${serial}`]
    case 'zoned':
      return [
        ['-device', `nvme,id=nvme-${id},serial=${serial}`],
        [
          '-device',
          `nvme-ns,bus=nvme-${id},drive=${id},zoned=on,zoned.zone_size=${ZONE_BYTES / MiB}M`,
        ],
      ].flat()
    case 'pmem':
      throw new Error('persistent memory has no drive')
  }
}

/** Memory of a file. What the guest writes reaches the file where it is shared with it. */
function pmemArgs({ source }: Disk, id: string, path: string): string[] {
  const share = source.kind === 'scratch' || source.access === 'rw' ? 'on' : 'off'
  const memory = `memory-backend-file,id=${id},mem-path=${escaped(path)},size=${source.bytes},share=${share}`
  return ['-object', memory, '-device', `virtio-pmem-pci,memdev=${id},id=pmem-${id}`]
}
