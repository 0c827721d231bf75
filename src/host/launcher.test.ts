import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'

import { launcherArgs } from './launcher.ts'
import { LAUNCHER } from './launcher.ts'
import { lockFile } from './lock.ts'
import { nativeProgram } from './native.ts'
import { run } from './process.ts'

test('the parent-death signal is armed after the namespace, whose entry would clear it', () => {
  const rules = { hide: ['/root/.ssh'], show: [] }
  const views = [{ from: '/', at: '/e', access: { kind: 'read-only' } }] as const
  expect(launcherArgs({ lock: '/l', views, rules }, 42)).toEqual([
    ...['--namespace', '--hide', '/root/.ssh', '--sieve-ro', '/', '/e'],
    ...['--lock', '/l', '--parent', '42', '--'],
  ])
})

test('of a writable directory only those parts are sieves in which something is hidden', () => {
  const rules = { hide: ['/p/a/key'], show: [] }
  const views = [{ from: '/p', at: '/e', access: { kind: 'rw', sieves: ['/p/a'] } }] as const
  expect(launcherArgs({ isApart: true, views, rules }, 42)).toEqual([
    ...['--namespace', '--hide', '/p/a/key', '--bind', '/p', '/e', '--sieve', '/p/a', '/e/a'],
    ...['--parent', '42', '--'],
  ])
  expect(launcherArgs({ isApart: true, views: [], rules }, 42)).toEqual([
    ...['--apart', '--parent', '42', '--'],
  ])
})

test('a taken lock, a missing program and a wrong option have their own exit codes', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'klab-launcher-'))
  const launcher = await nativeProgram(LAUNCHER, dir)
  // In its name, too: machines of several architectures may share a cache.
  expect(launcher).toContain(`-${process.arch}-`)
  const lock = join(dir, 'lock')
  const held = await run(launcher, ['--lock', lock, '--', launcher, '--lock', lock, '--', 'true'])
  expect(held.exit).toEqual({ kind: 'exited', code: 75 })
  expect((await run(launcher, ['--', '/no/such/program'])).exit).toEqual({
    kind: 'exited',
    code: 127,
  })
  expect((await run(launcher, ['--what'])).exit).toEqual({ kind: 'exited', code: 70 })
  rmSync(dir, { recursive: true })
})

test('what a command has started keeps a claim for as long as it lives', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'klab-launcher-'))
  const launcher = await nativeProgram(LAUNCHER, dir)
  const claim = join(dir, 'claim')
  // It outlives the command, which has ended by then.
  await run(launcher, ['--claim', claim, '--', 'sh', '-c', 'sleep 0.5 >/dev/null 2>&1 &'])
  const isClaimed = async () => (await run(launcher, ['--lock', claim, '--', 'true'])).exit
  expect(await isClaimed()).toEqual({ kind: 'exited', code: 75 })
  await using _alone = await lockFile(claim, { cacheDir: dir })
  rmSync(dir, { recursive: true })
})

test('a command that is together with all that it starts ends as it would alone', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'klab-launcher-'))
  const launcher = await nativeProgram(LAUNCHER, dir)
  const together = async (script: string) =>
    (await run(launcher, ['--namespace', '--together', '--', 'sh', '-c', script])).exit
  expect(await together('exit 7')).toEqual({ kind: 'exited', code: 7 })
  expect(await together('kill -9 $$')).toEqual({ kind: 'exited', code: 137 })
  // To the first process of a namespace this would be nothing.
  expect(await together('kill -TERM $$')).toEqual({ kind: 'exited', code: 143 })
  rmSync(dir, { recursive: true })
})

test('a thread is bound to a CPU; a CPU that is not there is named', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'klab-launcher-'))
  const launcher = await nativeProgram(LAUNCHER, dir)
  const bound = await run('sh', [
    '-c',
    `"$1" --pin $$ 0 && grep Cpus_allowed_list /proc/self/status; "$1" --pin $$ 4000`,
    ...['sh', launcher],
  ])
  expect(bound.stdout).toBe('Cpus_allowed_list:\t0\n')
  expect(bound.stderr).toBe('klab-launch: run on CPU 4000: Invalid argument\n')
  rmSync(dir, { recursive: true })
})

test('the state of a tree changes with any file, and with nothing else', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'klab-tree-'))
  const launcher = await nativeProgram(LAUNCHER, dir)
  const shell = (script: string) => run('sh', ['-c', script], { cwd: dir })
  await shell('mkdir -p t/a/b && echo 1 > t/a/b/f && echo 2 > t/g && ln -s g t/link')
  const state = async () => (await run(launcher, ['--tree', join(dir, 't')])).stdout
  const states = [await state()]
  expect(states[0]).toMatch(/^[0-9a-f]{32}\n$/)
  expect(await state()).toBe(states[0])
  for (const change of [
    'echo 3 > t/a/b/new',
    'touch -d 2001-01-01 t/g',
    'chmod +x t/g',
    'ln -sf a t/link',
    'mv t/g t/h',
    'rm t/a/b/new',
  ]) {
    await shell(change)
    states.push(await state())
  }
  expect(new Set(states).size).toBe(states.length)
  rmSync(dir, { recursive: true })
})

test('a look at a large tree does not stay polite: an ordinary user may not take that back', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'klab-polite-'))
  const launcher = join(dir, 'launcher')
  copyFileSync(await nativeProgram(LAUNCHER, join(dir, 'cache')), launcher)
  chmodSync(dir, 0o755)
  const ids = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
  const child = spawn(launcher, ['--tree', '/usr'], { ...ids, stdio: 'ignore' })
  const ended = once(child, 'close')
  let [wasPolite, isImpolite] = [false, false]
  while (!isImpolite && child.exitCode === null) {
    const policies = policiesOf(child.pid ?? 0)
    // One that has just begun has no manners yet.
    wasPolite ||= policies.length === 4 && policies.every((policy) => policy === SCHED_IDLE)
    isImpolite = wasPolite && policies.includes(SCHED_OTHER)
    await sleep(5)
  }
  child.kill()
  await ended
  rmSync(dir, { recursive: true })
  expect({ wasPolite, isImpolite }).toEqual({ wasPolite: true, isImpolite: true })
}, 30_000)

const [SCHED_OTHER, SCHED_IDLE] = [0, 5]

/** The scheduling policies of the threads of a process but its first (field 41 of proc_pid_stat(5)). */
function policiesOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
      .filter((thread) => Number(thread) !== pid)
      .map((thread) => readFileSync(`/proc/${pid}/task/${thread}/stat`, 'latin1'))
      .map((stat) => Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[38]))
  } catch {
    // One has just ended.
    return []
  }
}
