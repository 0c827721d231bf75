import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { runOk } from '../../src/host/index.ts'
import type { Disk, DiskInterface, Reset } from '../../src/vm/index.ts'
import { BareVm, testImage } from '../support/machine.ts'

// The machine's own tests: no kernel choice, no configuration, no command of klab.

const MiB = 1024 * 1024
let image = ''
const dir = mkdtempSync(join(tmpdir(), 'klab-machine-'))

beforeAll(async () => {
  image = await testImage()
})
afterAll(() => rmSync(dir, { recursive: true }))

const scratch = (kind: DiskInterface, serial: string, mib = 64): Disk => ({
  ...{ interface: kind, serial },
  source: { kind: 'scratch', bytes: mib * MiB },
})

test('a guest finds every kind of disk, empty and of the size that was asked for', async () => {
  await using vm = await BareVm.start(image, {
    disks: [
      scratch('virtio', 'vd-1', 64),
      scratch('scsi', 'sd-1', 65),
      scratch('nvme', 'nv-1', 66),
      scratch('zoned', 'zn-1', 160),
      scratch('pmem', 'pm-1', 128),
    ],
  })
  expect(await vm.sh('lsblk -dnbo NAME,SIZE | sort')).toBe(
    ['nvme0n1', 'nvme1n1', 'pmem0  ', 'sda    ', 'vda    ']
      .map(
        (name, index) =>
          `${name} ${String([66, 160, 128, 65, 64].map((mib) => mib * MiB)[index]).padStart(9)}\n`,
      )
      .join(''),
  )
  // By which it is found: the kernel's own files, since nobody runs udev.
  expect(
    await vm.sh('cat /sys/block/vda/serial; echo; cat /sys/block/nvme*/device/serial'),
  ).toMatch(/^vd-1\nnv-1 *\nzn-1 *\n$/)
  expect(await vm.sh('tail -c +5 /sys/block/sda/device/vpd_pg80')).toBe('sd-1')
  expect(await vm.sh('cd /sys/block/nvme1n1/queue; cat zoned chunk_sectors nr_zones')).toBe(
    `host-managed\n${(16 * MiB) / 512}\n10\n`,
  )
  expect(await vm.sh('cat /sys/block/pmem0/queue/dax')).toBe('1\n')
  for (const disk of ['vda', 'sda', 'nvme0n1', 'pmem0'])
    expect(
      await vm.sh(
        `cmp -n 60000000 /dev/${disk} /dev/zero && mkfs.ext4 -q -b 4096 /dev/${disk} && mount /dev/${disk} /mnt && umount /mnt`,
      ),
    ).toBe('')
  expect(await vm.sh('mount -o dax /dev/pmem0 /mnt && grep -o "dax=always" /proc/mounts')).toBe(
    'dax=always\n',
  )
  // Zones are written from their beginning on, and not elsewhere.
  expect(
    await vm.sh(
      'dd if=/dev/urandom of=/dev/nvme1n1 bs=4k count=2 oflag=direct status=none && echo written',
    ),
  ).toBe('written\n')
  expect(
    await vm.sh(
      'dd if=/dev/urandom of=/dev/nvme1n1 bs=4k count=1 seek=64 oflag=direct status=none',
    ),
  ).toMatch(/error/)
  // Nowhere by name: a klab that is killed leaves none behind.
  expect(readdirSync(vm.dir).filter((name) => name.startsWith('disk'))).toEqual([])
})

test('a file behind a disk changes when it shall, and in no other case', async () => {
  const accesses = ['ro', 'cow', 'rw'] as const
  const disks = accesses.map((access): Disk => {
    const path = join(dir, `${access},1.img`)
    writeFileSync(path, Buffer.alloc(MiB, 'x'))
    return {
      ...{ interface: 'virtio', serial: access },
      source: { kind: 'file', path, format: 'raw', bytes: MiB, access },
    }
  })
  await using vm = await BareVm.start(image, { type: 'microvm', disks })
  const write = (disk: string) =>
    vm.sh(`echo hello | dd of=/dev/${disk} conv=fsync status=none && head -c 6 /dev/${disk}`)
  expect(await write('vda')).toMatch(/Operation not permitted/)
  expect(await write('vdb')).toBe('hello\n')
  expect(await write('vdc')).toBe('hello\n')
  const contents = accesses.map((access) =>
    readFileSync(join(dir, `${access},1.img`), 'latin1').slice(0, 6),
  )
  expect(contents).toEqual(['xxxxxx', 'xxxxxx', 'hello\n'])
})

test('clones of a frozen machine have its scratch disks, empty each time', async () => {
  const disks = [scratch('virtio', 'one'), scratch('scsi', 'two')]
  const memory = { kind: 'file', path: join(dir, 'memory'), share: true } as const
  const statePath = join(dir, 'state')
  const machine = { type: 'microvm', disks } as const
  {
    await using template = await BareVm.boot(image, machine, { spec: { memory } })
    await template.greet(template.vm.agentSocket)
    await template.vm.freeze(statePath)
    template.vm.console.close()
    copyFileSync(template.vm.console.path, join(dir, 'console.log'))
  }
  const frozen = { statePath, withoutMemory: true, consolePath: join(dir, 'console.log') }
  for (let clone = 0; clone < 2; clone++) {
    await using vm = await BareVm.start(image, machine, {
      spec: { memory: { ...memory, share: false }, incoming: true },
      frozen: { ...frozen, isHeard: true },
    })
    expect(
      await vm.sh('cmp -n 60000000 /dev/vda /dev/zero; cmp -n 60000000 /dev/sda /dev/zero'),
    ).toBe('')
    expect(
      await vm.sh(
        'for disk in vda sda; do mkfs.ext4 -q /dev/$disk; done; blkid -o value -s TYPE /dev/vda /dev/sda',
      ),
    ).toBe('ext4\next4\n')
  }
})

test('a slow disk does no more than it is allowed to', async () => {
  const disks = [{ ...scratch('virtio', 'slow'), iops: 10 }]
  await using vm = await BareVm.start(image, { type: 'microvm', disks })
  const startedAt = performance.now()
  await vm.sh('dd if=/dev/zero of=/dev/vda bs=4k count=40 oflag=direct status=none')
  expect(performance.now() - startedAt).toBeGreaterThan(2_500)
})

test('memory and CPUs lie on nodes, and the kernel has nothing to complain of', async () => {
  await using vm = await BareVm.start(image, { cpus: 4, nodes: 2, memoryMiB: 640, pinned: [0] })
  expect(await vm.sh('cat /sys/devices/system/node/node*/cpulist')).toBe('0-1\n2-3\n')
  const total = (await vm.sh('grep -h MemTotal /sys/devices/system/node/node*/meminfo')).match(
    /\d+(?= kB)/g,
  )
  for (const kib of total ?? []) expect(Number(kib)).toBeGreaterThan(250_000)
  expect(total).toHaveLength(2)
  expect(await vm.sh('dmesg | grep -E "WARNING|llc-sibling"')).toBe('')
  const threads = readdirSync(`/proc/${vm.vm.pid}/task`).map((task) =>
    readFileSync(`/proc/${vm.vm.pid}/task/${task}/status`, 'utf8'),
  )
  const bound = threads.filter((status) => /^Cpus_allowed_list:\t0$/m.test(status))
  expect(bound).toHaveLength(4)
})

test('CPUs are cores and threads as asked for, and there are several cards', async () => {
  const net = ['01', '02'].map((end, index) => ({
    ...{ backend: `hubport,hubid=${index}`, mac: `52:54:00:00:00:${end}` },
  }))
  const topology = { sockets: 1, cores: 2, threads: 2 }
  await using vm = await BareVm.start(
    image,
    { type: 'microvm', cpus: 4, topology },
    { spec: { net } },
  )
  expect(await vm.sh('cat /sys/devices/system/cpu/cpu*/topology/thread_siblings_list')).toBe(
    '0-1\n0-1\n2-3\n2-3\n',
  )
  expect(await vm.sh('cat /sys/class/net/eth*/address')).toBe(
    '52:54:00:00:00:01\n52:54:00:00:00:02\n',
  )
})

const BOOT_ID = 'cat /proc/sys/kernel/random/boot_id'

test.each<['microvm' | 'q35', Reset['kind'], string]>([
  ['microvm', 'reset', 'reboot -f'],
  ['q35', 'reset', 'reboot -f'],
  ['q35', 'reset', 'echo b > /proc/sysrq-trigger'],
  ['microvm', 'kexec', 'kexec'],
  ['q35', 'kexec', 'kexec'],
])('a %s begins anew by a %s (%s), twice, and its agent answers again', async (...how) => {
  const [type, kind, command] = how
  const resets: Reset[] = []
  let next = Promise.withResolvers<Reset>()
  await using vm = await BareVm.start(
    image,
    { type, reboots: true },
    { onReset: (_, reset) => next.resolve(reset) },
  )
  const kexec = `${await kexecProgram()} ${image} ${vm.dir}/initramfs "$(cat /proc/cmdline)"`
  const ids = [await vm.sh(BOOT_ID)]
  for (let boot = 0; boot < 2; boot++) {
    next = Promise.withResolvers<Reset>()
    void vm.sh(command === 'kexec' ? kexec : command)
    const reset = await next.promise
    resets.push(reset)
    await vm.enter(await reset.agentSocket)
    ids.push(await vm.sh(BOOT_ID))
  }
  expect(resets.map((reset) => reset.kind)).toEqual([kind, kind])
  expect(new Set(ids).size).toBe(3)
})

test('a machine that reboots ends all the same when its kernel panics', async () => {
  for (const pvpanic of [true, false]) {
    await using vm = await BareVm.start(
      image,
      { type: 'microvm', reboots: true },
      { spec: { pvpanic } },
    )
    void vm.sh('echo c > /proc/sysrq-trigger')
    expect((await vm.vm.ended).reason).toBe('guest-reset')
  }
})

async function kexecProgram(): Promise<string> {
  const program = join(dir, 'kexec')
  await runOk('gcc', ['-O1', '-static', '-o', program, 'test/support/kexec.c'])
  return program
}
