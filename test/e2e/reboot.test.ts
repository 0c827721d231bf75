import { once } from 'node:events'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { initramfs } from '../../src/guest/index.ts'
import { runOk } from '../../src/host/index.ts'
import { TEST_HOME } from '../support/home.ts'
import { testTree } from '../support/kernels.ts'
import { klab, startKlab } from '../support/klab.ts'
import { testImage } from '../support/machine.ts'
import { UNANNOUNCED } from '../support/unannounced.ts'
import { listed, TestVms } from '../support/vms.ts'

const BOOT_ID = ['cat', '/proc/sys/kernel/random/boot_id']
const dir = mkdtempSync(join(tmpdir(), 'klab-reboot-'))
let image = ''

beforeAll(async () => {
  image = await testImage()
  await runOk('gcc', ['-O1', '-static', '-o', join(dir, 'kexec'), 'test/support/kexec.c'])
})
afterAll(() => rmSync(dir, { recursive: true }))

const run = (options: readonly string[], ...argv: string[]) =>
  klab(['run', '--no-stdin', '--tree', testTree(), ...options, '--', ...argv])

/** Guest and host share the file system, but for what klab keeps: so copies are made. */
const kexec = (initrd: string) => {
  copyFileSync(image, join(dir, 'image'))
  copyFileSync(initrd, join(dir, 'initrd'))
  return ['sh', '-c', `exec ${dir}/kexec ${dir}/image ${dir}/initrd "$(cat /proc/cmdline)"`]
}

describe('a VM that stays and may reboot', () => {
  test.each(['9p', 'virtiofs'])('is the same VM in its next boots, with %s', async (transport) => {
    await using vms = new TestVms()
    const share = join(dir, transport)
    await runOk('mkdir', [share])
    writeFileSync(join(share, 'file'), 'of the host\n')
    const options = ['--reboot', '--transport', transport, '--share', `rw:${share}:/mnt`]
    const name = await vms.start(`re-${transport}`, ...options, '--net', 'user')
    const machineId = (await vms.exec(name, ['cat', '/etc/machine-id'])).stdout
    const ids = new Set([(await vms.exec(name, BOOT_ID)).stdout])
    const ways = ['reboot -f', 'echo b > /proc/sysrq-trigger', 'reboot -f']
    for (const [index, way] of ways.entries()) {
      const ended = await vms.exec(name, ['sh', '-c', `${way}; sleep 100`])
      expect(ended.stderr).toContain('lost: the guest rebooted before the command ended')
      expect(ended.code).toBe(125)
      // Nobody has to wait: it is answered by the next boot.
      ids.add((await vms.exec(name, BOOT_ID)).stdout)
      expect(ids.size).toBe(index + 2)
      const written = await vms.exec(name, ['sh', '-c', `cat /mnt/file; echo ${index} > /mnt/new`])
      expect(written).toMatchObject({ code: 0, stdout: 'of the host\n' })
      expect(readFileSync(join(share, 'new'), 'utf8')).toBe(`${index}\n`)
    }
    expect((await vms.exec(name, ['hostname'])).stdout).toBe(`${name}\n`)
    expect((await vms.exec(name, ['ip', '-br', 'addr'])).stdout).toContain('10.0.2.15/24')
    expect((await vms.exec(name, ['cat', '/etc/machine-id'])).stdout).toBe(machineId)
    const uptime = Number((await vms.exec(name, ['cat', '/proc/uptime'])).stdout.split(' ')[0])
    expect(uptime).toBeLessThan(60)
    expect((await klab(['cp', `${name}:/proc/version`, join(share, 'version')])).code).toBe(0)
    expect(await listed(name)).toMatchObject({ state: 'running' })
    expect((await klab(['stop', name])).code).toBe(0)
    expect(await listed(name)).toMatchObject({ outcome: { kind: 'exited', code: 0 } })
  })

  test('loses what ran in it, whoever asked, and goes on when it starts another kernel', async () => {
    await using vms = new TestVms()
    const name = await vms.start('kexec', '--reboot')
    const { runId = '' } = (await listed(name)) ?? {}
    const runDir = join(TEST_HOME, 'state', 'runs', runId)
    const other = vms.exec(name, ['sleep', '1000'])
    await sleep(1_000)
    const before = (await vms.exec(name, BOOT_ID)).stdout
    const ended = await vms.exec(name, kexec(join(runDir, 'initramfs')))
    const lost = 'lost: the guest started another kernel before the command ended'
    expect(ended).toMatchObject({ code: 125, stderr: expect.stringContaining(lost) })
    expect(await other).toMatchObject({ code: 125, stderr: expect.stringContaining(lost) })
    const after = await vms.exec(name, BOOT_ID)
    expect(after.code).toBe(0)
    expect(after.stdout).not.toBe(before)
  })

  test('goes on after a reset that no kernel has announced, and its commands have crashed', async () => {
    await using vms = new TestVms()
    const name = await vms.start('triple', '--reboot')
    for (const way of [UNANNOUNCED, 'reboot -f', UNANNOUNCED]) {
      const crashed = way === UNANNOUNCED
      expect(await vms.exec(name, ['sh', '-c', way])).toMatchObject({
        code: crashed ? 100 : 125,
        stderr: expect.stringContaining(crashed ? 'crashed: unexpected' : 'lost: the guest reb'),
      })
    }
    expect((await vms.exec(name, ['true'])).code).toBe(0)
    expect((await klab(['stop', name])).code).toBe(0)
    expect(await listed(name)).toMatchObject({ outcome: { kind: 'crashed' } })
  })

  test('ends with a crash when its kernel panics', async () => {
    await using vms = new TestVms()
    const name = await vms.start('panic', '--reboot')
    await vms.exec(name, ['reboot', '-f'])
    const ended = await vms.exec(name, ['sh', '-c', 'echo c > /proc/sysrq-trigger'])
    expect(ended).toMatchObject({ code: 100, stderr: expect.stringContaining('sysrq') })
    expect(await listed(name)).toMatchObject({ state: 'stopped', outcome: { kind: 'crashed' } })
  })

  test('ends with its first reset when it was not asked to reboot', async () => {
    await using vms = new TestVms()
    const name = await vms.start('plain')
    const ended = await vms.exec(name, ['reboot', '-f'])
    expect(ended).toMatchObject({
      ...{ code: 125, stderr: expect.stringContaining('the guest rebooted itself') },
    })
    expect(await listed(name)).toMatchObject({ state: 'stopped' })
  })

  test('is not taken a snapshot of', async () => {
    await using vms = new TestVms()
    const name = await vms.start('snap', '--reboot', '--transport', '9p')
    const taken = await klab(['snapshot', name, 'now'])
    expect(taken).toMatchObject({
      code: 125,
      stderr: expect.stringContaining('could not boot again'),
    })
  })
})

describe('a run that may reboot', () => {
  test('ends well when its guest is up again', async () => {
    const result = await run(['--reboot'], 'reboot', '-f')
    expect(result.stderr).toMatch(/the guest rebooted\n[^]*the guest is up again/)
    expect(result.code).toBe(0)
  })

  test.each(['stop', 'continue'])(
    'has crashed when its guest is reset and no kernel has said so, also with --on-crash %s',
    async (policy) => {
      const result = await run(['--reboot', '--on-crash', policy], 'sh', '-c', UNANNOUNCED)
      expect(result.stderr).toContain('crashed: unexpected kernel reboot')
      expect(result.code).toBe(100)
    },
  )

  test('has crashed when the kernel that it goes on to is reset on its way up', async () => {
    const bytes = readFileSync(image)
    // An instruction that is none, where nobody handles faults yet, at both entries (Documentation/arch/x86/boot.rst).
    const start = (bytes.readUInt8(0x1f1) + 1) * 512
    for (const entry of [start, start + 0x200]) bytes.writeUInt16BE(0x0f0b, entry)
    writeFileSync(join(dir, 'fault'), bytes)
    writeFileSync(join(dir, 'none'), 'none')
    const result = await run(['--reboot'], `${dir}/kexec`, `${dir}/fault`, `${dir}/none`, '')
    expect(result.stderr).toContain('crashed: unexpected kernel reboot')
    expect(result.code).toBe(100)
  })

  test('is lost when somebody resets its machine', async () => {
    const options = ['--no-stdin', '--events', '--tree', testTree(), '--reboot']
    const child = startKlab(['run', ...options, '--', 'sleep', '1000'])
    child.stderr?.resume()
    let events = ''
    child.stdout?.on('data', (chunk: Buffer) => {
      events += chunk.toString()
    })
    const ended = once(child, 'close')
    const name = () => `run-${/"kind":"run","id":"(\w+)"/.exec(events)?.[1] ?? ''}`
    while (!(await listed(name()))) await sleep(50)
    expect((await klab(['qmp', name(), 'system_reset'])).code).toBe(0)
    expect(await ended).toEqual([125, null])
    expect(events).toContain('somebody reset its machine')
  })

  test('ends as its command does when that comes first', async () => {
    expect(await run(['--reboot'], 'sh', '-c', 'exit 7')).toMatchObject({ code: 7 })
  })

  test('has crashed when the next kernel panics', async () => {
    // No initramfs: the next kernel finds no root.
    writeFileSync(join(dir, 'none'), 'none')
    const script = `exec ${dir}/kexec ${image} ${dir}/none "$(cat /proc/cmdline) panic=0"`
    const result = await run(['--reboot'], 'sh', '-c', script)
    expect(result.code).toBe(100)
    // Told before or after the kexec is noticed, which takes up to a second; only the next kernel can say it.
    expect(result.stderr).toContain('crashed: kernel panic: VFS')
  })

  test('has failed to boot when its guest does not come up again', async () => {
    const source = join(dir, 'idle.c')
    writeFileSync(source, '#include <unistd.h>\nint main(void) { for (;;) pause(); }\n')
    await runOk('gcc', ['-static', '-o', join(dir, 'idle'), source])
    writeFileSync(join(dir, 'idle.cpio'), initramfs(readFileSync(join(dir, 'idle')), []))
    const options = ['--reboot', '--boot-timeout', '3s', '--idle-timeout', '1s']
    const result = await run(options, ...kexec(join(dir, 'idle.cpio')))
    expect(result.stderr).toMatch(/the guest started another kernel[^]*boot failed \(agent\)/)
    expect(result.code).toBe(125)
  })

  test('says in one sentence what cannot be with it', async () => {
    const events = await run(['--reboot', '--events'], 'true')
    expect(events.stdout + events.stderr).toContain('a clone has no initramfs to boot from again')
  })
})
