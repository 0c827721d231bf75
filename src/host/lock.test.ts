import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeEach, expect, test } from 'vitest'

import { Interrupted } from '../base/index.ts'
import { processesEndingWith } from './identity.ts'
import { isLocked, lockFile, tryLockFile } from './lock.ts'

const dir = mkdtempSync(join(tmpdir(), 'klab-lock-'))
const cacheDir = dir
afterAll(() => rmSync(dir, { recursive: true }))

let path = ''
let number = 0
beforeEach(() => {
  path = join(dir, `${++number}.lock`)
})

const holders = () => processesEndingWith(['--hold', path])

test("a lock is one klab's at a time, and whoever waits is told once", async () => {
  expect(await isLocked(path, cacheDir)).toBe(false)
  const first = await lockFile(path, { cacheDir })
  expect(await isLocked(path, cacheDir)).toBe(true)
  const waits: string[] = []
  const told = Promise.withResolvers<void>()
  let isOurs = false
  const onWait = () => {
    waits.push('waits')
    told.resolve()
  }
  const second = lockFile(path, { cacheDir, onWait }).then((lock) => {
    isOurs = true
    return lock
  })
  await told.promise
  await sleep(50)
  expect([waits, isOurs]).toEqual([['waits'], false])
  await first[Symbol.asyncDispose]()
  await (await second)[Symbol.asyncDispose]()
  expect([await isLocked(path, cacheDir), holders()]).toEqual([false, []])
})

test('Ctrl-C ends the wait for a lock, and leaves no process', async () => {
  await using _held = await lockFile(path, { cacheDir })
  const user = new AbortController()
  const waiting = lockFile(path, {
    ...{ cacheDir, signal: user.signal },
    onWait: () => user.abort(new Interrupted(2)),
  })
  await expect(waiting).rejects.toMatchObject({ code: 'INTERRUPTED', exitCode: 130 })
  expect(holders().length).toBe(1)
  await expect(lockFile(path, { cacheDir, signal: user.signal })).rejects.toThrow('interrupted')
})

test('a holder that is killed is noticed; one that is sent away is not lost', async () => {
  const lock = await lockFile(path, { cacheDir })
  for (const pid of holders()) process.kill(pid, 'SIGKILL')
  await lock.lost
  expect(await isLocked(path, cacheDir)).toBe(false)
  await lock[Symbol.asyncDispose]()
  const next = await lockFile(path, { cacheDir })
  await next[Symbol.asyncDispose]()
  expect(await Promise.race([next.lost.then(() => 'lost'), sleep(50, 'kept')])).toBe('kept')
})

test('a lock that a stopped klab has is not waited for, and that klab is named', async () => {
  await using _held = await lockFile(path, { cacheDir })
  const [holder = 0] = holders()
  process.kill(holder, 'SIGSTOP')
  const waits: string[] = []
  await expect(lockFile(path, { cacheDir, onWait: () => waits.push('waits') })).rejects.toThrow(
    new RegExp(
      `^cannot lock ${path}: what holds it \\(process ${holder}\\) is stopped; kill -CONT`,
    ),
  )
  expect(waits).toEqual(['waits'])
})

test('a holder that is stopped gives the lock back all the same', async () => {
  const lock = await lockFile(path, { cacheDir })
  for (const pid of holders()) process.kill(pid, 'SIGSTOP')
  await lock[Symbol.asyncDispose]()
  expect([await isLocked(path, cacheDir), holders()]).toEqual([false, []])
})

test('Ctrl-C, which the whole terminal hears, leaves a lock with whoever still works', async () => {
  await using lock = await lockFile(path, { cacheDir })
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGHUP'] as const)
    for (const pid of holders()) process.kill(pid, signal)
  expect(await Promise.race([lock.lost.then(() => 'lost'), sleep(100, 'kept')])).toBe('kept')
})

test.each(['held', 'waited for'])(
  'a lock that is %s by a klab that is killed is free',
  async (how) => {
    const first = how === 'held' ? undefined : await lockFile(path, { cacheDir })
    const script = `
    const { lockFile } = await import('${import.meta.dirname}/lock.ts')
    await lockFile(process.argv[1], { cacheDir: process.argv[2], onWait: () => console.log('waiting') })
    console.log('held')`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, path, cacheDir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [said] = (await once(child.stdout, 'data')) as [Buffer]
    expect(said.toString()).toBe(first ? 'waiting\n' : 'held\n')
    child.kill('SIGKILL')
    await once(child, 'exit')
    await first?.[Symbol.asyncDispose]()
    await using _lock = await lockFile(path, { cacheDir })
    expect(holders().length).toBe(1)
  },
)

test('a lock that cannot be taken is told with its reason', async () => {
  await expect(lockFile('/proc/klab/lock', { cacheDir })).rejects.toThrow(
    /^cannot lock \/proc\/klab\/lock: ENOENT: no such file or directory, mkdir /,
  )
})

test('what lies in the place of a lock and is no file is set aside', async () => {
  mkdirSync(path)
  await using _lock = await lockFile(path, { cacheDir })
  expect([statSync(path).isFile(), statSync(`${path}.damaged`).isDirectory()]).toEqual([true, true])
})

test('whoever waits for the lock of what is removed meanwhile gets the lock of what is made anew', async () => {
  const place = join(dir, 'build')
  const lock = join(place, 'lock')
  const first = await lockFile(lock, { cacheDir })
  const told = Promise.withResolvers<void>()
  const second = lockFile(lock, { cacheDir, onWait: told.resolve })
  await told.promise
  rmSync(place, { recursive: true })
  const third = await lockFile(lock, { cacheDir })
  await first[Symbol.asyncDispose]()
  expect(await tryLockFile(lock, cacheDir)).toBe(undefined)
  await third[Symbol.asyncDispose]()
  await using _second = await second
  expect(await tryLockFile(lock, cacheDir)).toBe(undefined)
})
