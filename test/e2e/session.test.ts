import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'

import { InfraError, newId } from '../../src/base/index.ts'
import { chooseKernel } from '../../src/lab/kernels/choose-kernel.ts'
import { openSession, SessionFailed } from '../../src/lab/life/own-session.ts'
import type { Lab } from '../../src/lab/session/context.ts'
import type { ExecParts, Session } from '../../src/lab/session/session.ts'
import { joinSession } from '../../src/lab/vms/kept-session.ts'
import { VmRegistry } from '../../src/lab/vms/registry.ts'
import { klab } from '../support/klab.ts'
import { testLab, testRequest, uninterrupted } from '../support/request.ts'
import { listed, TestVms } from '../support/vms.ts'

const dir = mkdtempSync(join(tmpdir(), 'klab-session-'))
afterAll(() => rmSync(dir, { recursive: true }))
const user = { uid: 0, gid: 0, groups: [0] }

const WARN = 'echo WARNING > /sys/kernel/debug/provoke-crash/DIRECT'

function command(...argv: string[]) {
  return { argv, env: { PATH: '/usr/bin:/bin' }, cwd: '/', user }
}

function quietly(output: Buffer[] = [], limits: Partial<ExecParts['limits']> = {}): ExecParts {
  return {
    terminal: { stdout: (chunk) => void output.push(chunk), stderr: () => undefined },
    interrupts: uninterrupted(),
    limits: { timeoutMs: null, idleTimeoutMs: null, ...limits },
    graceMs: 200,
  }
}

async function ownSession(lab: Lab, parameters: string[] = []): Promise<Session> {
  const { vm, judge } = await testRequest(lab, [], { parameters, bootTimeout: '5s' })
  const [stop, onEvent] = [new AbortController().signal, () => undefined]
  const kernel = await chooseKernel(lab, vm.kernel, { signal: stop, onEvent })
  const request = {
    ...{ id: newId(), vm, kernel, judge, hostname: 'session', stays: true },
    argv: ['(a session)'],
  }
  return await openSession(lab, request, { stop, onEvent })
}

/** What everything above a VM may count on, whosever VM it is. */
async function works(session: Session): Promise<void> {
  const output: Buffer[] = []
  await session.put('/tmp/script', Buffer.from('#!/bin/sh\necho made; exit 7\n'), 0o755)
  expect(await session.exec(command('/tmp/script'), quietly(output))).toEqual({
    kind: 'exited',
    code: 7,
  })
  expect(Buffer.concat(output).toString()).toBe('made\n')
  async function* unreadable() {
    yield Buffer.from('#!/bin/sh\n')
    throw new Error('no more of it')
  }
  await expect(session.put('/tmp/script', unreadable(), 0o755)).rejects.toThrow('no more of it')
  await session.get('/tmp/script', join(dir, 'back'))
  expect(readFileSync(join(dir, 'back'), 'utf8')).toContain('exit 7')
  expect(await session.exec(command('/nowhere'), quietly())).toMatchObject({
    kind: 'not-executed',
    code: 127,
  })
  expect(await session.exec(command('sleep', '60'), quietly([], { timeoutMs: 300 }))).toMatchObject(
    { kind: 'timed-out' },
  )
  const warn = command('sh', '-c', `${WARN}; exit 0`)
  expect(await session.exec(warn, quietly())).toMatchObject({
    kind: 'crashed',
    report: { title: 'WARNING in lkdtm_WARNING' },
  })
  // What was before a command is none of its business.
  expect(await session.exec(command('true'), quietly())).toEqual({ kind: 'exited', code: 0 })
  expect((await session.reports()).map(({ title }) => title)).toEqual(['WARNING in lkdtm_WARNING'])
  await session.dump(join(dir, `${session.id}.dump`))
  // A complaint between two commands is of neither: it has come when the next one begins, though nothing has followed it yet.
  const between = command('sh', '-c', `(sleep 0.3; ${WARN}) > /dev/null 2>&1 & exit 0`)
  await session.exec(between, { ...quietly(), graceMs: 0 })
  while ((await session.reports()).length < 2) await sleep(20)
  expect(await session.exec(command('true'), quietly())).toEqual({ kind: 'exited', code: 0 })
  await leavesNothingOpen(async () => {
    await expect(session.get('/nowhere', join(dir, 'none'))).rejects.toThrow(InfraError)
  })
  const panic = command('sh', '-c', 'echo PANIC > /sys/kernel/debug/provoke-crash/DIRECT')
  const crash = { kind: 'crashed', report: { title: expect.stringContaining('panic') } }
  expect(await session.exec(panic, quietly())).toMatchObject(crash)
  expect(await session.ended).toMatchObject({ kind: 'crashed' })
  for (const late of [
    () => session.exec(command('true'), quietly()),
    () => session.put('/tmp/late', Buffer.from('late'), 0o644),
    () => session.get('/tmp/script', join(dir, 'late')),
    () => session.dump(join(dir, 'late')),
  ])
    await expect(late()).rejects.toThrow(InfraError)
  expect(existsSync(join(dir, 'late'))).toBe(false)
}

async function leavesNothingOpen(act: () => Promise<void>): Promise<void> {
  const open = () => readdirSync('/proc/self/fd').length
  await act()
  const before = open()
  for (let times = 0; times < 10; times++) await act()
  expect(open()).toBeLessThan(before + 5)
}

test('a VM of this process is a session', async () => {
  await using session = await ownSession(await testLab())
  await works(session)
  expect(session.id).toMatch(/^\w{8}$/)
})

test('a VM behind a keeper is the same', async () => {
  const lab = await testLab()
  await using vms = new TestVms()
  const name = await vms.start('session')
  await using session = await joinSession(lab, new VmRegistry(lab.paths).getLive(name))
  await works(session)
  expect(session.id).toBe((await listed(name))?.runId)
})

test('a session whose VM is ended in order has ended well, whosever VM it is', async () => {
  const lab = await testLab()
  const own = await ownSession(lab)
  await own[Symbol.asyncDispose]()
  expect(await own.ended).toEqual({ kind: 'exited', code: 0 })
  await using vms = new TestVms()
  const name = await vms.start('ends')
  await using kept = await joinSession(lab, new VmRegistry(lab.paths).getLive(name))
  expect((await klab(['stop', name])).code).toBe(0)
  expect(await kept.ended).toEqual({ kind: 'exited', code: 0 })
})

test('a session that does not come up says how it ended', async () => {
  const failed = ownSession(await testLab(), ['rdinit=/nothing', 'root=/dev/none'])
  await expect(failed).rejects.toThrow(SessionFailed)
  await expect(failed).rejects.toMatchObject({ outcome: { kind: 'boot-failed' } })
})

test('a session whose QEMU is stopped says so, whatever is asked of it', async () => {
  const lab = await testLab()
  await using session = await ownSession(lab)
  const pid = Number(
    execFileSync('pgrep', ['-f', `qemu.*${session.id}`], { encoding: 'utf8' }).split('\n')[0],
  )
  process.kill(pid, 'SIGSTOP')
  try {
    const why = `QEMU (process ${pid}) is stopped; kill -CONT ${pid} lets it go on`
    const asked = [
      session.put('/tmp/x', Buffer.from('x'), 0o644),
      session.get('/etc/passwd', join(dir, 'passwd')),
    ]
    for (const answer of await Promise.allSettled(asked))
      expect(answer).toMatchObject({
        reason: { message: `the guest of this session does not answer: ${why}` },
      })
  } finally {
    process.kill(pid, 'SIGCONT')
  }
}, 120_000)
