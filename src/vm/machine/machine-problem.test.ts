import { expect, test } from 'vitest'

import { carryObstacle } from './carry.ts'
import { diskOptions, type Disk } from './disk.ts'
import { machineProblem, needsPci } from './machine-problem.ts'
import { PLAIN, type Machine } from './machine.ts'

const plain: Machine = { ...PLAIN, arch: 'x86_64', type: 'q35', cpus: 4, memoryMiB: 1024 }
const disk: Disk = {
  interface: 'virtio',
  serial: 'data',
  source: { kind: 'scratch', bytes: 2 ** 30 },
}
const file: Disk = {
  ...disk,
  source: { kind: 'file', path: '/d', format: 'raw', bytes: 2 ** 30, access: 'rw' },
}

test.each<[string, Partial<Machine>]>([
  ['a plain machine', {}],
  ['a microvm with virtio disks', { type: 'microvm', disks: [disk, { ...disk, serial: 'b' }] }],
  ['all kinds of disk', { disks: [disk, { ...disk, serial: 'n', interface: 'nvme' }] }],
  ['nodes with sockets of their own', { nodes: 2, topology: { sockets: 2, cores: 1, threads: 2 } }],
  ['more nodes than CPUs', { nodes: 8 }],
])('%s can be built', (_, change) => {
  expect(machineProblem({ ...plain, ...change })).toBeUndefined()
})

test.each<[string, Partial<Machine>, RegExp]>([
  [
    'CPUs that do not add up',
    { topology: { sockets: 2, cores: 1, threads: 1 } },
    /are 2 CPUs, not 4/,
  ],
  ['a CPU that is no number', { pinned: [0, -1] }, /-1 is not the number of a CPU/],
  ['nodes without firmware', { nodes: 2, type: 'microvm' }, /microvm cannot tell its guest of 2/],
  ['nodes of nothing', { nodes: 32 }, /1024 MiB of memory are too little for 32 nodes/],
  [
    'a socket on two nodes',
    { nodes: 2, topology: { sockets: 1, cores: 4, threads: 1 } },
    /1 sockets cannot be divided/,
  ],
  ['a serial number twice', { disks: [disk, disk] }, /two disks have the serial number data/],
  [
    'a serial number that QEMU would take for an option',
    { disks: [{ ...disk, serial: 'a,b=c' }] },
    /up to 20 letters/,
  ],
  [
    'NVMe without PCI',
    { type: 'microvm', disks: [{ ...disk, interface: 'nvme' }] },
    /nvme needs PCI, and a machine of type microvm has none/,
  ],
  ['a file with zones', { disks: [{ ...file, interface: 'zoned' }] }, /zones begin empty/],
  [
    'slow memory',
    { disks: [{ ...disk, interface: 'pmem', iops: 10 }] },
    /memory cannot be made slow/,
  ],
  ['no operation at all', { disks: [{ ...disk, iops: 0 }] }, /0 operations a second are too few/],
])('%s: said, not tried', (_, change, expected) => {
  expect(machineProblem({ ...plain, ...change })).toMatch(expected)
})

test('what only a PC has makes it one', () => {
  expect(needsPci({ nodes: 1, disks: [disk, { ...disk, interface: 'scsi' }] })).toBe(false)
  expect(needsPci({ nodes: 2, disks: [] })).toBe(true)
  expect(needsPci({ nodes: 1, disks: [{ ...disk, interface: 'zoned' }] })).toBe(true)
})

test('what the kernel must have follows from the disks', () => {
  expect(diskOptions([disk, disk, { ...disk, interface: 'zoned' }])).toEqual([
    'VIRTIO_BLK',
    'BLK_DEV_NVME',
    'BLK_DEV_ZONED',
  ])
})

test.each<[Partial<Machine>, string | undefined, string | undefined]>([
  [{}, undefined, undefined],
  [{ pinned: [1] }, undefined, undefined],
  [{ disks: [disk] }, undefined, 'what is on its disks is no part of the state'],
  [
    { disks: [file] },
    'a guest that has seen a disk remembers what was on it',
    'what is on its disks is no part of the state',
  ],
  [{ nodes: 2 }, 'memory of several nodes cannot be one file', undefined],
  [
    { reboots: true },
    'a clone has no initramfs to boot from again',
    'it could not boot again, without its initramfs',
  ],
  [
    { disks: [{ ...disk, interface: 'nvme' }] },
    'a disk of kind nvme cannot be carried over',
    'a disk of kind nvme cannot be carried over',
  ],
])('%o: carried over by a template or a snapshot, or why not', (change, template, snapshot) => {
  expect(carryObstacle({ ...plain, ...change }, 'template')).toBe(template)
  expect(carryObstacle({ ...plain, ...change }, 'snapshot')).toBe(snapshot)
})
