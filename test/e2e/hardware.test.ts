import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'

import { runOk } from '../../src/host/index.ts'
import { testTree } from '../support/kernels.ts'
import { klab } from '../support/klab.ts'
import { listed, TestVms } from '../support/vms.ts'

const MiB = 1024 * 1024
const dir = mkdtempSync(join(tmpdir(), 'klab-hardware-'))
afterAll(() => rmSync(dir, { recursive: true }))

const run = (options: readonly string[], ...argv: string[]) =>
  klab(['run', '--no-stdin', '--tree', testTree(), ...options, '--', ...argv])

function image(name: string): string {
  const path = join(dir, name)
  writeFileSync(path, Buffer.alloc(MiB, 'x'))
  return path
}

describe('the hardware that a command line asks for', () => {
  test('has disks by their serial numbers, and the file behind one is as before', async () => {
    await using vms = new TestVms()
    const [cow, rw] = [image('cow.img'), image('rw.img')]
    const disks = ['64M', '32M:nvme:serial=log', '16M:scsi', `${cow}:cow`, `${rw}:rw:serial=kept`]
    const name = await vms.start('disks', ...disks.flatMap((disk) => ['--disk', disk]))
    const sh = async (script: string) => (await vms.exec(name, ['sh', '-c', script])).stdout
    expect(await sh('lsblk -dnbo NAME,SIZE | sort | tr -s " "')).toBe(
      `nvme0n1 ${32 * MiB}\nsda ${16 * MiB}\nvda ${64 * MiB}\nvdb ${MiB}\nvdc ${MiB}\n`,
    )
    expect(await sh('cd /sys/block; grep -h . vda/serial vdb/serial vdc/serial')).toBe(
      'disk0\ndisk3\nkept\n',
    )
    expect((await sh('cat /sys/block/nvme0n1/device/serial')).trim()).toBe('log')
    expect(await sh('tail -c +5 /sys/block/sda/device/vpd_pg80')).toBe('disk2')
    for (const disk of ['vdb', 'vdc'])
      expect(await sh(`printf hello | dd of=/dev/${disk} conv=fsync status=none`)).toBe('')
    const { qemu } = (await listed(name)) ?? {}
    // Nowhere by name: however klab ends, none is left.
    const open = openDisks(qemu?.pid)
    expect(open).toHaveLength(3)
    for (const target of open) expect(target).toMatch(/ \(deleted\)$/)
    expect((await klab(['stop', name])).code).toBe(0)
    expect(readFileSync(cow).equals(Buffer.alloc(MiB, 'x'))).toBe(true)
    expect(readFileSync(rw, 'latin1').slice(0, 6)).toBe('hellox')
  })

  test('has nodes of memory, CPUs that lie as they shall and are bound', async () => {
    await using vms = new TestVms()
    const asked = ['--cpus', '2', '--nodes', '2', '--topology', '2x1x1', '--pin', '0']
    const name = await vms.start('nodes', ...asked)
    const sh = async (script: string) => (await vms.exec(name, ['sh', '-c', script])).stdout
    expect(await sh('cat /sys/devices/system/node/node*/cpulist')).toBe('0\n1\n')
    expect(await sh('cat /sys/devices/system/cpu/cpu*/topology/physical_package_id')).toBe('0\n1\n')
    const { qemu } = (await listed(name)) ?? {}
    const cpus = JSON.parse((await klab(['qmp', name, 'query-cpus-fast'])).stdout) as readonly {
      readonly 'thread-id': number
    }[]
    expect(cpus).toHaveLength(2)
    for (const { 'thread-id': thread } of cpus)
      expect(readFileSync(`/proc/${qemu?.pid}/task/${thread}/status`, 'utf8')).toMatch(
        /^Cpus_allowed_list:\t0$/m,
      )
  })

  test('has cores of one socket', async () => {
    const script =
      'cd /sys/devices/system/cpu; cat cpu*/topology/core_cpus_list cpu*/topology/physical_package_id'
    const result = await run(['--cpus', '2', '--topology', '1x2x1'], 'sh', '-c', script)
    expect(result).toMatchObject({ code: 0, stdout: '0\n1\n0\n0\n' })
  })

  test('has a card in each of two segments', async () => {
    await using vms = new TestVms()
    const [red, blue] = [vms.name('red'), vms.name('blue')]
    const both = ['--net', `lab:${red}`, '--net', `lab:${blue}`]
    const [middle, one, two] = await Promise.all([
      vms.start('middle', ...both),
      vms.start('one', '--net', `lab:${red}`),
      vms.start('two', '--net', `lab:${blue}`),
    ])
    for (const other of [one, two])
      expect(await vms.exec(middle, ['ping', '-c', '1', '-W', '10', other])).toMatchObject({
        code: 0,
      })
    expect((await vms.exec(one, ['ping', '-c', '1', '-W', '2', two])).code).not.toBe(0)
  })

  test('is cloned with its scratch disks, empty each time', async () => {
    const write =
      'cmp -n 1000000 /dev/vda /dev/zero && echo x | dd of=/dev/vda conv=fsync status=none && echo fresh'
    for (let time = 0; time < 2; time++) {
      const { code, stdout, stderr } = await run(['--disk', '16M'], 'sh', '-c', write)
      expect({ code, stdout }).toEqual({ code: 0, stdout: 'fresh\n' })
      expect(stderr).not.toContain('booting, not cloning')
    }
  })

  test.each<[readonly string[], number, RegExp]>([
    [['--disk', '1G:floppy'], 2, /"floppy" is none of its words/],
    [['--disk', join(dir, 'nothing.img')], 2, /there is no such file/],
    [
      ['--disk', '16M:serial=a', '--disk', '16M:serial=a'],
      125,
      /two disks have the serial number a/,
    ],
    [['--disk', '16M:nvme', '--type', 'microvm'], 125, /nvme needs PCI/],
    [['--topology', '2x2'], 2, /is not SOCKETSxCORESxTHREADS/],
    [['--cpus', '2', '--topology', '2x2x1'], 125, /are 4 CPUs, not 2/],
    [['--nodes', '2', '--memory', '100M'], 125, /too little for 2 nodes/],
    [['--pin', '4000'], 125, /4000/],
    [['--qemu-arg', '-no-such-option'], 125, /no-such-option/],
  ])('%j cannot be, which is said in one sentence', async (options, code, why) => {
    const result = await run(options, 'true')
    expect(result.stderr).toMatch(why)
    expect(result.code).toBe(code)
    expect(result.stderr).not.toMatch(/^\s+at .*:\d+:\d+\)?$/m)
  })
})

describe("QEMU's own arguments", () => {
  test('reach it, are told to be unsupported, and are in the report of a crash', async () => {
    await using vms = new TestVms()
    const name = vms.name('raw')
    const raw = ['--qemu-arg', '-name', '--qemu-arg', name]
    const script = `: ${name}; echo c > /proc/sysrq-trigger`
    const crashed = await run([...raw, '--show-qemu'], 'sh', '-c', script)
    expect(crashed.stderr).toContain(
      `unsupported: QEMU gets arguments that klab knows nothing of: -name ${name}\n`,
    )
    expect(crashed.stderr).toMatch(new RegExp(`qemu-system-.* -name ${name}\n`))
    expect(crashed.code).toBe(100)
    const runs = JSON.parse((await klab(['runs', '--json'])).stdout) as readonly {
      argv: readonly string[]
      outcome: { report?: { fingerprint: string } }
    }[]
    const fingerprint =
      runs.find(({ argv }) => argv.includes(script))?.outcome.report?.fingerprint ?? ''
    const shown = await klab(['crash', 'show', fingerprint])
    expect(shown.stdout).toMatch(
      new RegExp(
        `# unsupported: .*--qemu-arg.*: -name ${name}\\n.*klab run .*--qemu-arg -name --qemu-arg ${name}`,
      ),
    )
    const archive = join(dir, 'crash.tar.gz')
    expect((await klab(['crash', 'export', fingerprint, '--output', archive])).code).toBe(0)
    await runOk('tar', ['-C', dir, '-xzf', archive, '--strip-components=1'])
    for (const file of ['reproduce.sh', 'README.md', 'crash.json'])
      expect(readFileSync(join(dir, file), 'utf8')).toContain('unsupported')
  })
})

/** The files that a process has open as disks, and their names: deleted ones are nowhere. */
function openDisks(pid: number | undefined): string[] {
  const fds = `/proc/${pid}/fd`
  const targets = readdirSync(fds).map((fd) => readlinkSync(join(fds, fd)))
  return [...new Set(targets.filter((target) => /\/disk\d+/.test(target)))].toSorted()
}
