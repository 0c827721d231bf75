import { expect, test } from 'vitest'

import type { BootSpec } from '../machine/machine.ts'
import { qemuArgs } from './qemu-args.ts'

const spec: BootSpec = {
  qemu: 'qemu-system-x86_64',
  machine: { arch: 'x86_64', type: 'microvm', cpus: 2, memoryMiB: 1024 },
  accelerator: { kind: 'tcg', tscKHz: 2_300_000 },
  image: '/k/image',
  initrd: '/r/initramfs',
  parameters: ['foo=bar'],
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

test('with KVM the guest has the host CPU and its own clock', () => {
  const kvm = line({ accelerator: { kind: 'kvm' } })
  expect(kvm).toContain('-accel kvm -cpu host')
  expect(kvm).not.toContain('tsc')
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
  expect(virtiofs).toContain('memory-backend-memfd,id=ram,size=1024M,share=on')
  expect(virtiofs).toContain('-global virtio-mmio.force-legacy=false')
})

test('a QEMU without seccomp is not asked for it', () => {
  expect(line()).toContain('-sandbox on,')
  expect(line({ sandbox: false })).not.toContain('-sandbox')
})

test('no TCP port, no monitor on a terminal', () => {
  expect(line()).not.toMatch(/tcp|stdio|vnc|:\d{4}/)
})
