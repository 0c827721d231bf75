import { expect, test } from 'vitest'

import type { BootSpec } from '../machine/boot-spec.ts'
import { PLAIN } from '../machine/machine.ts'
import { qemuArgs } from './qemu-args.ts'

// No machine of ours has KVM: what would be started there is held here, whole.

const SOCKETS = {
  ...{ console: '/s/console', agent: '/s/agent', qmp: '/s/qmp' },
  ...{ gdb: '/s/gdb', tools: '/s/tools' },
}
const SANDBOX = '-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'
const CHANNELS = [
  '-chardev socket,id=console,path=/s/console -serial chardev:console',
  '-chardev socket,id=qmp,path=/s/qmp -mon chardev=qmp,mode=control',
  '-chardev socket,id=tools,path=/s/tools,server=on,wait=off -mon chardev=tools,mode=control',
]
const PARAMETERS =
  'console=ttyS0 earlyprintk=serial,ttyS0,115200 panic=-1 reboot=t ignore_loglevel printk.devkmsg=on net.ifnames=0 unknown_nmi_panic=1 sysctl.kernel.panic_on_unrecovered_nmi=1 sysrq_always_enabled'

const microvm: BootSpec = {
  qemu: 'qemu-system-x86_64',
  machine: { ...PLAIN, arch: 'x86_64', type: 'microvm', cpus: 2, memoryMiB: 1024 },
  accelerator: { kind: 'kvm' },
  ...{ image: '/k/image', initrd: '/r/initramfs', parameters: [], net: [] },
  exports: [{ transport: '9p', tag: 'klab.root', path: '/v/root', readOnly: true }],
  ...{ pvpanic: true, vmcoreinfo: true, sandbox: true },
}
const q35: BootSpec = { ...microvm, machine: { ...microvm.machine, type: 'q35' } }

const argv = (spec: BootSpec) => qemuArgs(spec, SOCKETS).join(' ')

test('a microvm under KVM, whole', () => {
  expect(argv(microvm)).toBe(
    [
      '-nodefaults -no-user-config -machine microvm,rtc=on -accel kvm -cpu host -smp 2 -no-reboot',
      ...[SANDBOX, '-m 1024M', ...CHANNELS],
      '-device virtio-serial-device -chardev socket,id=agent,path=/s/agent',
      '-device virtserialport,id=agent,chardev=agent,name=klab.agent -device virtio-rng-device',
      '-device pvpanic -action panic=pause -device vmcoreinfo -display none',
      '-fsdev local,id=fs0,path=/v/root,security_model=none,multidevs=remap,readonly=on',
      '-device virtio-9p-device,fsdev=fs0,mount_tag=klab.root',
      `-kernel /k/image -initrd /r/initramfs -append ${PARAMETERS}`,
    ].join(' '),
  )
})

test('a PC under KVM with disks and cards, whole', () => {
  const source = { kind: 'scratch', bytes: 2 ** 30 } as const
  const disks = [
    { source, interface: 'virtio', serial: 'data' },
    { source, interface: 'nvme', serial: 'fast' },
  ] as const
  const net = [
    { backend: 'user,ipv6=off', mac: '52:54:00:00:00:01' },
    { backend: 'tap,fd=9', mac: '52:54:00:00:00:02' },
  ]
  expect(argv({ ...q35, machine: { ...q35.machine, disks }, net })).toBe(
    [
      '-nodefaults -no-user-config -machine q35 -accel kvm -cpu host -smp 2 -no-reboot',
      ...[SANDBOX, '-m 1024M', ...CHANNELS],
      '-device virtio-serial-pci -chardev socket,id=agent,path=/s/agent',
      '-device virtserialport,id=agent,chardev=agent,name=klab.agent -device virtio-rng-pci',
      '-device pvpanic -action panic=pause -device vmcoreinfo -display none',
      '-netdev user,ipv6=off,id=net0 -device virtio-net-pci,netdev=net0,mac=52:54:00:00:00:01,romfile=',
      '-netdev tap,fd=9,id=net1 -device virtio-net-pci,netdev=net1,mac=52:54:00:00:00:02,romfile=',
      '-fsdev local,id=fs0,path=/v/root,security_model=none,multidevs=remap,readonly=on',
      '-device virtio-9p-pci,fsdev=fs0,mount_tag=klab.root',
      '-drive if=none,id=disk0,file=/proc/self/fd/40,format=raw,cache=unsafe,discard=unmap,werror=report,rerror=report',
      '-device virtio-blk-pci,drive=disk0,serial=data',
      '-drive if=none,id=disk1,file=/proc/self/fd/41,format=raw,cache=unsafe,discard=unmap,werror=report,rerror=report',
      '-device nvme,drive=disk1,serial=fast',
      `-kernel /k/image -initrd /r/initramfs -append ${PARAMETERS}`,
    ].join(' '),
  )
})

test('a template and its clone under KVM differ in how they have the memory, and in nothing else that lasts', () => {
  const memory = { kind: 'file', path: '/t/memory', share: true } as const
  const template = argv({ ...microvm, memory })
  expect(template).toContain(
    '-m 1024M -object memory-backend-file,mem-path=/t/memory,share=on,id=ram,size=1024M -machine memory-backend=ram',
  )
  const { initrd: _initrd, ...rest } = microvm
  const clone = argv({ ...rest, memory: { ...memory, share: false }, incoming: true })
  expect(clone).toBe(
    `${template.replace('share=on', 'share=off').replace(' -initrd /r/initramfs', '')} -incoming defer`,
  )
})

test('under KVM the guest has its own clock', () => {
  expect(argv(microvm)).not.toMatch(/tsc|no_timer_check/)
})
