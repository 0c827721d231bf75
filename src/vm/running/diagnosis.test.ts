import { expect, test } from 'vitest'

import { diagnose, type BootEvidence } from './diagnosis.ts'

const nothing: BootEvidence = {
  ...{ phase: 'agent', consoleLines: [], qemuStderr: '', waited: '10s' },
  consoleOption: 'SERIAL_8250_CONSOLE',
}

test.each<[string, Partial<BootEvidence>, RegExp]>([
  [
    'KVM without MSR',
    { qemuStderr: 'qemu: error: failed to set MSR 0x10a to 0x0', qemuEnd: 'killed by SIGABRT' },
    /KVM does not work.*0x10a.*--accel tcg/,
  ],
  [
    'no memory',
    {
      qemuStderr: "qemu: cannot set up guest memory 'pc.ram': Cannot allocate memory",
      qemuEnd: 'exit status 1',
    },
    /not enough free memory/,
  ],
  [
    'no device',
    { qemuStderr: "'virtio-9p-device' is not a valid device model name", qemuEnd: 'exit status 1' },
    /no device virtio-9p-device/,
  ],
  [
    'too many disks',
    {
      phase: 'process',
      qemuStderr:
        "qemu: -device virtio-blk-device,drive=disk21: No 'virtio-bus' bus found for device 'virtio-blk-device'",
      qemuEnd: 'exit status 1',
    },
    /no place for so many devices/,
  ],
  [
    'a disk of two VMs',
    {
      phase: 'process',
      qemuStderr:
        'qemu: -device virtio-blk-device,drive=disk0: Failed to get "write" lock\nIs another process using the image [/d/a.img]?',
      qemuEnd: 'exit status 1',
    },
    /the file of a disk is in use by another VM or program: \/d\/a.img/,
  ],
  [
    'a bridge that is not allowed',
    {
      phase: 'process',
      qemuStderr:
        "failed to parse default acl file `/etc/qemu/bridge.conf'\nklab-launch: tap: /usr/lib/qemu/qemu-bridge-helper gave no device of br7\n",
      qemuEnd: 'exit status 70',
    },
    /"allow br7" to \/etc\/qemu\/bridge.conf/,
  ],
  [
    'a bridge helper without rights',
    {
      phase: 'process',
      qemuStderr:
        'failed to create tun device: Operation not permitted\nklab-launch: tap: /usr/lib/qemu/qemu-bridge-helper gave no device of br7\n',
      qemuEnd: 'exit status 70',
    },
    /qemu-bridge-helper may not make a device for br7: .*chmod u\+s/,
  ],
  [
    'no init',
    {
      consoleLines: [
        '[    0.6] Kernel panic - not syncing: No working init found.  Try passing init=',
      ],
    },
    /panicked before the agent ran: No working init found/,
  ],
  [
    'no root',
    {
      consoleLines: [
        'VFS: Unable to mount root fs on unknown-block(0,0)',
        'Kernel panic - not syncing: VFS: Unable to mount root fs',
      ],
    },
    /unable to mount its root \(unknown-block/,
  ],
  [
    'no virtio console',
    { consoleLines: ['klab-agent: no virtio port named klab.agent: is …'] },
    /CONFIG_VIRTIO_CONSOLE/,
  ],
  [
    '32-bit machine',
    { consoleLines: ['This kernel requires an x86-64 CPU, but only detected an i686 CPU.'] },
    /wrong architecture/,
  ],
  [
    'silent kernel',
    { phase: 'console' },
    /no output on the console within 10s.*\(CONFIG_SERIAL_8250_CONSOLE\)/,
  ],
  ['silent agent', {}, /agent did not connect within 10s/],
  [
    'early reset',
    { consoleLines: ['Linux version 6.1'], qemuEnd: 'guest-reset' },
    /reset or powered off while waiting for the guest agent/,
  ],
])('%s', (_, evidence, expected) => {
  expect(diagnose({ ...nothing, ...evidence })).toMatch(expected)
})
