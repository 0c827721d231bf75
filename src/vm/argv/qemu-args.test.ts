import { expect, test } from 'vitest'

import type { BootSpec } from '../machine/boot-spec.ts'
import type { Disk } from '../machine/disk.ts'
import { PLAIN } from '../machine/machine.ts'
import { qemuArgs } from './qemu-args.ts'

const spec: BootSpec = {
  qemu: 'qemu-system-x86_64',
  machine: { ...PLAIN, arch: 'x86_64', type: 'microvm', cpus: 2, memoryMiB: 1024 },
  accelerator: { kind: 'tcg', tscKHz: 2_300_000 },
  image: '/k/image',
  initrd: '/r/initramfs',
  parameters: ['foo=bar'],
  net: [],
  exports: [{ transport: '9p', tag: 'klab.root', path: '/a,b', readOnly: true }],
  pvpanic: true,
  vmcoreinfo: true,
  sandbox: true,
}
const sockets = {
  ...{ console: '/s/console', agent: '/s/agent', qmp: '/s/qmp' },
  ...{ gdb: '/s/gdb', tools: '/s/tools' },
}
const line = (change: Partial<BootSpec> = {}) => qemuArgs({ ...spec, ...change }, sockets).join(' ')

test('emulated guests are told the frequency of their clock and copy by words', () => {
  expect(line()).toContain('-accel tcg,thread=multi -cpu max,-erms,-fsrm,vendor=GenuineIntel')
  expect(line()).toContain('tsc=reliable no_timer_check tsc_early_khz=2300000 foo=bar')
})

test('devices are named by the bus of the machine', () => {
  expect(line()).toContain('-device virtio-9p-device,fsdev=fs0')
  expect(line({ machine: { ...spec.machine, type: 'q35' } })).toContain(
    '-device virtio-9p-pci,fsdev=fs0',
  )
})

test('a comma in a path is not an option', () => {
  expect(line()).toContain(
    'local,id=fs0,path=/a,,b,security_model=none,multidevs=remap,readonly=on',
  )
})

test('virtiofs shares the memory with its daemon', () => {
  const virtiofs = line({ exports: [{ transport: 'virtiofs', tag: 'klab.root', socket: '/s/fs' }] })
  expect(virtiofs).toContain('memory-backend-memfd,share=on,id=ram,size=1024M')
  expect(virtiofs).toContain('-global virtio-mmio.force-legacy=false')
})

test('a QEMU without seccomp is not asked for it', () => {
  expect(line()).toContain('-sandbox on,')
  expect(line({ sandbox: false })).not.toContain('-sandbox')
})

test('no TCP port, no monitor on a terminal', () => {
  expect(line()).not.toMatch(/tcp|stdio|vnc|:\d{4}/)
})

test('every kind of disk, by the file that is behind it', () => {
  const scratch = { kind: 'scratch', bytes: 2 ** 30 } as const
  const file = {
    kind: 'file',
    path: '/d/a,b.img',
    format: 'qcow2',
    bytes: 4096,
    access: 'cow',
  } as const
  const disks: readonly Disk[] = [
    { source: { ...file, access: 'ro' }, interface: 'virtio', serial: 'a' },
    { source: { ...file, access: 'rw' }, interface: 'scsi', serial: 'b' },
    { source: file, interface: 'scsi', serial: 'c', iops: 50 },
    { source: scratch, interface: 'zoned', serial: 'd' },
    { source: scratch, interface: 'pmem', serial: 'e' },
    { source: { ...file, format: 'raw' }, interface: 'pmem', serial: 'f' },
  ]
  const q35 = line({ machine: { ...spec.machine, type: 'q35', disks } })
  const common = 'discard=unmap,werror=report,rerror=report'
  expect(q35).toContain(
    [
      '-device virtio-scsi-pci,id=scsi',
      `-drive if=none,id=disk0,file=/d/a,,b.img,format=qcow2,readonly=on,${common}`,
      '-device virtio-blk-pci,drive=disk0,serial=a',
      `-drive if=none,id=disk1,file=/d/a,,b.img,format=qcow2,cache=writeback,${common}`,
      '-device scsi-hd,bus=scsi.0,drive=disk1,serial=b',
      `-drive if=none,id=disk2,file=/d/a,,b.img,format=qcow2,snapshot=on,cache=unsafe,${common},throttling.iops-total=50`,
      '-device scsi-hd,bus=scsi.0,drive=disk2,serial=c',
      `-drive if=none,id=disk3,file=/proc/self/fd/43,format=raw,cache=unsafe,${common}`,
      '-device nvme,id=nvme-disk3,serial=d',
      '-device nvme-ns,bus=nvme-disk3,drive=disk3,zoned=on,zoned.zone_size=16M',
      '-object memory-backend-file,id=disk4,mem-path=/proc/self/fd/44,size=1073741824,share=on',
      '-device virtio-pmem-pci,memdev=disk4,id=pmem-disk4',
      '-object memory-backend-file,id=disk5,mem-path=/d/a,,b.img,size=4096,share=off',
      '-device virtio-pmem-pci,memdev=disk5,id=pmem-disk5',
    ].join(' '),
  )
  expect(q35).toContain('-m 1024M,maxmem=5120M')
})

test('nodes of memory have their share of it and of the CPUs, each with a socket', () => {
  const four = { ...spec.machine, type: 'q35', cpus: 4, nodes: 2, memoryMiB: 1025 } as const
  expect(line({ machine: four })).toContain(
    '-object memory-backend-ram,id=ram0,size=513M -numa node,nodeid=0,cpus=0-1,memdev=ram0 -object memory-backend-ram,id=ram1,size=512M -numa node,nodeid=1,cpus=2-3,memdev=ram1',
  )
  expect(line({ machine: four })).toContain('-smp 4,sockets=2,cores=2,threads=1')
  expect(line({ machine: { ...four, cpus: 3 } })).toContain('-smp 3,sockets=3,cores=1,threads=1')
  expect(line({ machine: { ...four, cpus: 1 } })).toContain('nodeid=1,memdev=ram1')
})

test('CPUs lie as they are asked to', () => {
  const topology = { sockets: 1, cores: 1, threads: 2 }
  expect(line({ machine: { ...spec.machine, topology } })).toContain(
    '-smp 2,sockets=1,cores=1,threads=2',
  )
})

test('a machine that reboots is not ended by a reset, and its guest resets it in its own way', () => {
  const machine = { ...spec.machine, reboots: true }
  expect(line({ machine })).not.toMatch(/-no-reboot|reboot=t/)
  expect(line({ machine })).toContain('panic=-1')
  // Nobody stops it at a panic then: klab has a second to end it.
  expect(line({ machine, pvpanic: false })).toContain('panic=1')
})

test('with a screen the serial console stays the one for /dev/console', () => {
  expect(line({ display: { kind: 'vnc', socket: '/s/vnc' } })).toContain(
    'console=tty0 console=ttyS0',
  )
})

test("QEMU's own arguments come last", () => {
  const machine = { ...spec.machine, qemuArgs: ['-device', 'edu'] }
  expect(line({ machine })).toMatch(/-device edu$/)
})
