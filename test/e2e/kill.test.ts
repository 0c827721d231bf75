import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { TEST_HOME } from '../support/home.ts'
import { testTree } from '../support/kernels.ts'
import { klab, startKlab } from '../support/klab.ts'
import { processesNaming } from '../support/processes.ts'

// State and sockets of its own, so that everything in them is ours; the kernels and templates of all tests.
const home = mkdtempSync('/tmp/klab-kill-')
symlinkSync(join(TEST_HOME, 'cache'), join(home, 'cache'))
const options = { env: { KLAB_HOME: home } }
afterAll(() => rmSync(home, { recursive: true, force: true }))

/** The same moments in every run of the test, spread over all that a klab does. */
function* moments(seed: number): Generator<number, never> {
  for (let state = seed; ;) {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    yield state / 2 ** 31
  }
}

async function gone(): Promise<string[]> {
  // QEMU gets its signal when its parent is gone, and then needs a moment.
  for (let tries = 0; processesNaming(home).length > 0 && tries < 100; tries++) await sleep(50)
  return processesNaming(home)
}

test('50 kills at any moment leave no process, no directory, and a history that is right', async () => {
  const moment = moments(7)
  for (let round = 0; round < 50; round++) {
    const args = ['run', '-q', '--no-stdin', '--tree', testTree(), '--', 'sleep', '0.3']
    const child = startKlab(
      round % 5 === 4 ? ['run', '--repeat', '3', '--jobs', '2', ...args.slice(2)] : args,
      options,
    )
    child.stdout?.resume()
    child.stderr?.resume()
    await Promise.race([sleep(moment.next().value * 1_500), once(child, 'exit')])
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }
  expect(await gone()).toEqual([])
  const runs = JSON.parse((await klab(['runs', '--json', '--limit', '1000'], options)).stdout)
  const outcomes = runs.map(({ outcome }: { outcome: { kind: string } | null }) => outcome?.kind)
  expect(outcomes).not.toContain(undefined)
  expect(outcomes.filter((kind: string) => !['lost', 'exited'].includes(kind))).toEqual([])
  expect(readdirSync(join(home, 'run'))).toEqual(['tickets'])
  const after = await klab(['run', '-q', '--tree', testTree(), '--', 'echo', 'fine'], options)
  expect(after).toMatchObject({ code: 0, stdout: 'fine\n' })
  // The places of the dead were given away, and nobody is seen who is not there.
  expect(readdirSync(join(home, 'run/tickets'))).toEqual([])
  expect(JSON.parse((await klab(['ps', '--json'], options)).stdout)).toEqual([])
}, 300_000)

test('kills of everything around VMs that stay leave states that are right', async () => {
  const moment = moments(11)
  for (let round = 0; round < 12; round++) {
    const name = `vm${round}`
    const start = startKlab(['start', '-q', name, '--tree', testTree()], options)
    start.stdout?.resume()
    start.stderr?.resume()
    await Promise.race([sleep(moment.next().value * 1_200), once(start, 'exit')])
    // Whoever starts it, its keeper, or its QEMU.
    const victims = [String(start.pid), ...processesNaming(home)]
    const victim = Number(victims[Math.floor(moment.next().value * victims.length)])
    try {
      process.kill(victim, 'SIGKILL')
    } catch {
      // It has just ended.
    }
    if (start.exitCode === null && start.signalCode === null) await once(start, 'exit')
  }
  await sleep(1_500)
  const listed = JSON.parse((await klab(['ps', '--json'], options)).stdout)
  for (const { name, state } of listed as { name: string; state: string }[]) {
    expect(['running', 'stopped', 'starting']).toContain(state)
    const { code } = await klab(['exec', name, '--', 'true'], options)
    expect([name, state, code]).toEqual([name, state, state === 'running' ? 0 : 125])
  }
  for (const { name } of listed as { name: string }[])
    expect((await klab(['rm', '--force', name], options)).code).toBe(0)
  expect(await gone()).toEqual([])
  await klab(['runs'], options)
  expect(readdirSync(join(home, 'run'))).toEqual(['tickets'])
}, 300_000)

describe('a klab that is killed beside a VM', () => {
  const name = 'beside'
  const on = (args: readonly string[]) => klab(args, options)
  const exec = (script: string) => on(['exec', name, '--', 'sh', '-c', script])

  beforeAll(async () => {
    const args = ['start', '-q', name, '--tree', testTree(), '--memory', '512M']
    await on(args)
  })
  afterAll(async () => await on(['rm', '--force', name]))

  /** What lies in a directory, as soon as anything does, when the command is killed. */
  async function killedAt(cwd: string, args: readonly string[]): Promise<string[]> {
    const child = startKlab(args, { ...options, cwd })
    const exited = once(child, 'exit')
    while (readdirSync(cwd).length === 0 && child.exitCode === null) await sleep(2)
    child.kill('SIGKILL')
    await exited
    return readdirSync(cwd)
  }

  test.each([
    ['cp', 'a file', ['cp', `${name}:/dev/zero`, 'zeros']],
    ['cp', 'a directory', ['cp', `${name}:/proc/self`, '.']],
    ['dump', 'its memory', ['dump', name]],
    ['dump', 'its memory, packed', ['dump', name, '--format', 'kdump']],
  ])('leaves nothing of klab %s of %s, and the VM goes on', async (_command, _what, args) => {
    const cwd = mkdtempSync(join(home, 'cwd-'))
    expect(await killedAt(cwd, args)).not.toEqual([])
    await on(['runs'])
    expect(readdirSync(join(home, 'state/leftovers'))).toEqual([])
    // QEMU writes to the end what it has begun.
    const isPaused = async () => (await on(['ps'])).stdout.includes('paused')
    for (let tries = 0; (await isPaused()) && tries < 100; tries++) await sleep(100)
    expect(await exec('echo alive')).toMatchObject({ code: 0, stdout: 'alive\n' })
    expect(readdirSync(cwd)).toEqual([])
  })
})
