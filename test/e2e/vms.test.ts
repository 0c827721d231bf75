import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'

import { runOk } from '../../src/host/index.ts'
import { TEST_HOME } from '../support/home.ts'
import { testTree } from '../support/kernels.ts'
import { klab, startKlab } from '../support/klab.ts'
import { processesNaming } from '../support/processes.ts'
import { listed, TestVms } from '../support/vms.ts'

describe('a VM that stays', () => {
  test('lives through its whole life', async () => {
    await using vms = new TestVms()
    const name = await vms.start('life')
    expect(await listed(name)).toMatchObject({ state: 'running' })

    const answer = await vms.exec(name, ['sh', '-c', 'cat; echo no >&2; exit 7'], { input: 'in\n' })
    expect(answer).toMatchObject({ code: 7, stdout: 'in\n', stderr: 'no\n' })
    // What one command leaves, the next one finds: it is the same VM.
    await vms.exec(name, ['sh', '-c', 'echo kept > /tmp/kept'])
    expect((await vms.exec(name, ['cat', '/tmp/kept'])).stdout).toBe('kept\n')
    expect((await vms.exec(name, ['nosuchcommand'])).code).toBe(127)
    expect((await vms.exec(name, ['sh', '-c', 'kill -9 $$'])).code).toBe(137)

    expect((await klab(['pause', name])).code).toBe(0)
    expect(await listed(name)).toMatchObject({ state: 'paused' })
    expect((await klab(['resume', name])).code).toBe(0)
    expect((await klab(['status', name])).stdout).toMatch(/running[^]*guest: answers/)

    expect((await klab(['monitor', name, 'info', 'status'])).stdout).toContain('VM status: running')
    expect(JSON.parse((await klab(['qmp', name, 'query-status'])).stdout)).toMatchObject({
      running: true,
    })
    const wrong = await klab(['qmp', name, 'no-such-command'])
    expect(wrong).toMatchObject({ code: 125, stderr: expect.stringContaining('no-such-command') })

    expect((await klab(['logs', name])).stdout).toContain('Linux version ')
    const stats = JSON.parse((await klab(['stats', '--json', name])).stdout)
    expect(stats).toMatchObject([{ name, memoryKiB: expect.any(Number) }])

    const other = vms.name('renamed')
    expect((await klab(['rename', name, other])).code).toBe(0)
    expect((await vms.exec(other, ['cat', '/tmp/kept'])).stdout).toBe('kept\n')

    const { runId } = (await listed(other)) ?? {}
    expect((await klab(['stop', other])).code).toBe(0)
    expect(await listed(other)).toMatchObject({ state: 'stopped', outcome: { kind: 'exited' } })
    expect(processesNaming(`/${runId}/`)).toEqual([])
    expect(existsSync(join(TEST_HOME, 'run', String(runId)))).toBe(false)
    const recorded = JSON.parse((await klab(['runs', 'show', '--json', String(runId)])).stdout)
    expect(recorded).toMatchObject({ outcome: { kind: 'exited', code: 0 } })

    expect((await klab(['exec', other, '--', 'true'])).stderr).toContain('does not run')
    expect((await klab(['start', other])).code).toBe(0)
    // A new life: nothing is left of the last one.
    expect((await vms.exec(other, ['cat', '/tmp/kept'])).code).toBe(1)
  })

  test('is one of several, and names clash with one sentence', async () => {
    await using vms = new TestVms()
    const [a, b] = await Promise.all([vms.start('a'), vms.start('b')])
    const names = await Promise.all([a, b].map((name) => vms.exec(name, ['hostname'])))
    expect(names.map(({ stdout }) => stdout)).toEqual([`${a}\n`, `${b}\n`])
    const clash = await klab(['start', a, '--tree', testTree(), '--memory', '300M'])
    expect(clash).toMatchObject({ code: 125, stderr: expect.stringMatching(/already/) })
    expect((await klab(['start', 'no/name', '--tree', testTree()])).code).toBe(2)
  })

  test('that is reset is recorded as crashed, and wait says it', async () => {
    await using vms = new TestVms()
    const name = await vms.start('off')
    const waiting = klab(['wait', name])
    await sleep(300)
    const ended = await vms.exec(name, ['sh', '-c', 'echo b > /proc/sysrq-trigger; sleep 10'])
    const crashed = expect.stringContaining('crashed: unexpected kernel reboot')
    expect(ended).toMatchObject({ code: 100, stderr: crashed })
    expect(await waiting).toMatchObject({ code: 100, stdout: crashed })
    expect(await listed(name)).toMatchObject({ state: 'stopped', outcome: { kind: 'crashed' } })
  })

  test('whose kernel complains is listed with that, as long as it lives', async () => {
    await using vms = new TestVms()
    const name = await vms.start('complains')
    await vms.exec(name, ['sh', '-c', 'echo WARNING > /sys/kernel/debug/provoke-crash/DIRECT'])
    const line = async () =>
      (await klab(['ps'])).stdout.split('\n').find((row) => row.startsWith(name))
    expect(await line()).toMatch(/running .* complained: WARNING in lkdtm_WARNING$/)
    await klab(['stop', name])
    expect(await line()).toMatch(/ crashed: WARNING in lkdtm_WARNING$/)
    await klab(['start', name])
    expect(await line()).not.toContain('complained')
  })

  test('whose kernel panics is recorded as crashed', async () => {
    await using vms = new TestVms()
    const name = await vms.start('panic')
    const waiting = klab(['wait', name])
    await sleep(300)
    await vms.exec(name, ['sh', '-c', 'echo c > /proc/sysrq-trigger'])
    expect(await waiting).toMatchObject({ code: 100, stdout: expect.stringMatching(/crashed: /) })
  })

  test.each(['keeper', 'qemu'] as const)('whose %s is killed is seen as lost', async (victim) => {
    await using vms = new TestVms()
    const name = await vms.start('killed')
    const vm = await listed(name)
    process.kill(vm?.[victim]?.pid ?? Number.NaN, 'SIGKILL')
    const qemu = vm?.qemu?.pid ?? 0
    for (let tries = 0; existsSync(`/proc/${qemu}`) && tries < 100; tries++) await sleep(50)
    expect(existsSync(`/proc/${qemu}`)).toBe(false)
    for (let tries = 0; (await listed(name))?.state !== 'stopped' && tries < 20; tries++)
      await sleep(100)
    expect(await listed(name)).toMatchObject({ state: 'stopped', outcome: { kind: 'lost' } })
    // And nothing stands in the way of another life.
    expect((await klab(['start', '-q', name])).code).toBe(0)
    expect((await vms.exec(name, ['true'])).code).toBe(0)
  })

  test('hangs up a command whose client was killed', async () => {
    await using vms = new TestVms()
    const name = await vms.start('hangup')
    const script = 'trap "touch /tmp/hung-up; exit" HUP; echo armed; while :; do sleep 0.1; done'
    const client = startKlab(['exec', name, '--', 'sh', '-c', script])
    await once(client.stdout ?? client, 'data')
    client.kill('SIGKILL')
    const isHungUp = async () => (await vms.exec(name, ['test', '-e', '/tmp/hung-up'])).code === 0
    for (let tries = 0; !(await isHungUp()) && tries < 40; tries++) await sleep(100)
    expect(await isHungUp()).toBe(true)
  })

  test('shows its console, and takes what is typed there', async () => {
    await using vms = new TestVms()
    const name = await vms.start('console')
    const following = startKlab(['logs', '-f', name])
    let said = ''
    following.stdout?.setEncoding('utf8').on('data', (text: string) => (said += text))
    await sleep(1_000)
    await vms.exec(name, ['sh', '-c', 'echo to the console > /dev/kmsg'])
    for (let tries = 0; !said.includes('to the console') && tries < 50; tries++) await sleep(100)
    expect(said).toContain('to the console')
    const reading = klab(['exec', name, '--', 'sh', '-c', 'head -n 1 /dev/ttyS0'])
    await sleep(700)
    await klab(['console', name], { input: 'typed\n' })
    expect((await reading).stdout).toContain('typed')
    await klab(['stop', '--force', name])
    if (following.exitCode === null) await once(following, 'exit')
  })

  test('of a machine of the configuration starts with one word', async () => {
    await using vms = new TestVms()
    const name = vms.name('small')
    const dir = mkdtempSync(join(tmpdir(), 'klab-machine-'))
    writeFileSync(join(dir, 'klab.yaml'), `machines:\n  ${name}:\n    cpus: 1\n    memory: 300M\n`)
    const started = await klab(['start', '-q', name, '--tree', testTree()], { cwd: dir })
    expect(started).toMatchObject({ code: 0, stdout: `${name}\n` })
    expect((await vms.exec(name, ['nproc'])).stdout).toBe('1\n')
    rmSync(dir, { recursive: true })
  })
})

describe('klab cp', () => {
  test('copies files and directories both ways, with modes and links', async () => {
    await using vms = new TestVms()
    const name = await vms.start('cp')
    const dir = mkdtempSync(join(tmpdir(), 'klab-cp-'))
    const tree = join(dir, 'tree')
    mkdirSync(join(tree, 'deep'), { recursive: true })
    const content = randomBytes(3_000_000)
    writeFileSync(join(tree, 'deep/data'), content)
    chmodSync(join(tree, 'deep/data'), 0o751)
    symlinkSync('deep/data', join(tree, 'link'))
    expect((await klab(['cp', tree, `${name}:/tmp/new`])).code).toBe(0)
    expect((await klab(['cp', tree, `${name}:/tmp`])).code).toBe(0)
    const seen = await vms.exec(name, [
      'stat',
      '-c',
      '%a %F',
      '/tmp/tree/deep/data',
      '/tmp/new/link',
    ])
    expect(seen.stdout).toBe('751 regular file\n777 symbolic link\n')
    expect((await klab(['cp', `${name}:/tmp/new`, join(dir, 'back')])).code).toBe(0)
    expect(readFileSync(join(dir, 'back/deep/data')).equals(content)).toBe(true)
    expect(lstatSync(join(dir, 'back/deep/data')).mode & 0o777).toBe(0o751)
    expect(readlinkSync(join(dir, 'back/link'))).toBe('deep/data')
    // One file, and over one that is there.
    expect((await klab(['cp', `${name}:/tmp/new/deep/data`, join(dir, 'one')])).code).toBe(0)
    expect((await klab(['cp', join(dir, 'one'), `${name}:/tmp/new/deep/data`])).code).toBe(0)
    expect(readFileSync(join(dir, 'one')).equals(content)).toBe(true)
    rmSync(dir, { recursive: true })
  })

  test('says what is wrong, and leaves nothing half done', async () => {
    await using vms = new TestVms()
    const name = await vms.start('cpbad')
    const dir = mkdtempSync(join(tmpdir(), 'klab-cp-'))
    const missing = await klab(['cp', `${name}:/no/such`, join(dir, 'x')])
    expect(missing).toMatchObject({ code: 125, stderr: expect.stringMatching(/no\/such.*ENOENT/) })
    expect(existsSync(join(dir, 'x'))).toBe(false)
    expect((await klab(['cp', 'a', 'b'])).code).toBe(2)
    expect((await klab(['cp', join(dir, 'nothing'), `${name}:/tmp`])).code).toBe(2)
    expect((await klab(['cp', dir, `${name}:relative`])).code).toBe(2)
    rmSync(dir, { recursive: true })
  })

  test('leaves nothing half done when it is ended', async () => {
    await using vms = new TestVms()
    const name = await vms.start('cpend')
    const dir = mkdtempSync(join(tmpdir(), 'klab-cp-'))
    const here = join(dir, 'here')
    writeFileSync(here, 'as before\n')
    await runOk('truncate', ['-s', '8G', join(dir, 'big')])
    const there = 'mkdir -p /cp/many; truncate -s 8G /cp/many/big; echo as before > /cp/there'
    expect((await vms.exec(name, ['sh', '-c', there])).code).toBe(0)
    const before = readdirSync(dir).toSorted()
    const inGuest = async (script: string) => (await vms.exec(name, ['sh', '-c', script])).stdout
    const begun = [
      [`${name}:/cp/many/big`, here, async () => readdirSync(dir).length > before.length],
      [`${name}:/cp/many`, join(dir, 'new'), async () => readdirSync(dir).length > before.length],
      [
        join(dir, 'big'),
        `${name}:/cp/there`,
        async () => (await inGuest('ls /cp')).includes('there.klab'),
      ],
    ] as const
    for (const [from, to, isOnItsWay] of begun) {
      const child = startKlab(['cp', from, to])
      child.stdout?.resume()
      child.stderr?.resume()
      const ended = once(child, 'close')
      while (!(await isOnItsWay())) await sleep(20)
      child.kill('SIGINT')
      expect(await ended).toEqual([130, null])
      expect(readdirSync(dir).toSorted()).toEqual(before)
    }
    expect(readFileSync(here, 'utf8')).toBe('as before\n')
    await expect
      .poll(() => inGuest('ls /cp; cat /cp/there'), { timeout: 10_000 })
      .toBe('many\nthere\nas before\n')
    rmSync(dir, { recursive: true })
  })

  test('takes no set-user-ID bit and no device from a hostile guest', async () => {
    await using vms = new TestVms()
    const name = await vms.start('cpevil')
    const evil =
      'mkdir /tmp/e; cp /bin/true /tmp/e/suid; chmod 6755 /tmp/e/suid; mknod /tmp/e/dev b 8 0'
    const made = await klab(['exec', '--user', 'root', name, '--', 'sh', '-c', evil])
    expect(made.code).toBe(0)
    const dir = mkdtempSync(join(tmpdir(), 'klab-cp-'))
    expect((await klab(['cp', '--user', 'root', `${name}:/tmp/e`, join(dir, 'e')])).code).toBe(0)
    expect(lstatSync(join(dir, 'e/suid')).mode & 0o7777).toBe(0o755)
    expect(existsSync(join(dir, 'e/dev'))).toBe(false)
    rmSync(dir, { recursive: true })
  })
})

test('a VM without files of the host is snapshotted, restored and forked', async () => {
  await using vms = new TestVms()
  const name = await vms.start('snap', '--root', 'none')
  const dir = mkdtempSync(join(tmpdir(), 'klab-snap-'))
  const file = join(dir, 'file')
  writeFileSync(file, 'before\n')
  await klab(['cp', file, `${name}:/state`])
  expect((await klab(['snapshot', name, 'one'])).code).toBe(0)
  const [shown] = JSON.parse((await klab(['snapshot', 'ls', '--json', name])).stdout)
  expect(shown).toMatchObject({ name: 'one', bytes: expect.any(Number) })
  writeFileSync(file, 'after\n')
  await klab(['cp', file, `${name}:/state`])
  const fork = vms.name('fork')
  expect((await klab(['fork', name, fork])).stdout).toBe(`${fork}\n`)
  expect((await klab(['restore', name, 'one'])).code).toBe(0)
  const read = async (vm: string) => {
    const result = await klab(['cp', '-q', `${vm}:/state`, `${file}-${vm}`])
    expect(result.code).toBe(0)
    return readFileSync(`${file}-${vm}`, 'utf8')
  }
  expect([await read(name), await read(fork)]).toEqual(['before\n', 'after\n'])
  // Two guests with the same memory do not go on with the same random numbers.
  const random = await Promise.all(
    [name, fork].map(async (vm) => {
      await klab(['cp', '-q', `${vm}:/proc/sys/kernel/random/uuid`, `${file}-uuid-${vm}`])
      return readFileSync(`${file}-uuid-${vm}`, 'utf8')
    }),
  )
  expect(new Set(random).size).toBe(2)
  expect((await klab(['snapshot', 'rm', name, 'one'])).code).toBe(0)
  expect((await klab(['restore', name, 'one'])).stderr).toContain('no snapshot one')
  rmSync(dir, { recursive: true })
})

test('a VM that sees the host says why it cannot be snapshotted, and goes on', async () => {
  await using vms = new TestVms()
  const name = await vms.start('nosnap')
  const refused = await klab(['snapshot', name, 'one'])
  expect(refused).toMatchObject({ code: 125, stderr: expect.stringContaining('--root none') })
  expect((await vms.exec(name, ['true'])).code).toBe(0)
})
