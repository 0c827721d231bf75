import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { TEST_HOME } from '../support/home.ts'
import { testTree } from '../support/kernels.ts'
import { klab, startKlab } from '../support/klab.ts'
import { listed, TestVms } from '../support/vms.ts'

const dir = mkdtempSync(join(tmpdir(), 'klab-dumping-'))
afterAll(() => rmSync(dir, { recursive: true }))

describe('a VM', () => {
  const vms = new TestVms()
  let name = ''
  beforeAll(async () => {
    name = await vms.start('dumping', '--memory', '512M')
    await vms.exec(name, ['sh', '-c', 'head -c 100M /dev/urandom > /dev/shm/full'])
  })
  afterAll(async () => await vms[Symbol.asyncDispose]())

  /** A dump that is being written, in a directory of its own. */
  async function beingDumped(): Promise<{ ended: Promise<unknown[]> }> {
    const cwd = mkdtempSync(join(dir, 'dumped-'))
    const child = startKlab(['dump', name], { cwd })
    const ended = once(child, 'close')
    while (readdirSync(cwd).length === 0 && child.exitCode === null) await sleep(5)
    return { ended }
  }

  test('is paused while it is dumped, and stays so; resumed meanwhile it goes on after that', async () => {
    const first = await beingDumped()
    await klab(['pause', name])
    expect(await first.ended).toEqual([0, null])
    expect(await listed(name)).toMatchObject({ state: 'paused' })
    const second = await beingDumped()
    expect(await klab(['resume', name])).toMatchObject({ code: 0, stderr: '' })
    expect(await second.ended).toEqual([0, null])
    expect((await vms.exec(name, ['echo', 'alive'])).stdout).toBe('alive\n')
  })

  test('is dumped twice at once', async () => {
    const all = [await beingDumped(), await beingDumped()]
    expect(await Promise.all(all.map(({ ended }) => ended))).toEqual([
      [0, null],
      [0, null],
    ])
    expect((await vms.exec(name, ['echo', 'alive'])).stdout).toBe('alive\n')
  })
})

test('Ctrl-C while a crash is dumped ends the run with its verdict, and leaves no dump', async () => {
  const fill = 'head -c 100M /dev/urandom > /dev/shm/full'
  const crash = 'echo WARNING > /sys/kernel/debug/provoke-crash/DIRECT'
  const child = startKlab([
    ...['run', '--events', '--no-stdin', '--tree', testTree(), '--memory', '512M'],
    ...['--on-crash', 'dump', '--user', 'root', '--', 'sh', '-c', `${fill}; ${crash}; sleep 60`],
  ])
  child.stderr?.resume()
  let events = ''
  child.stdout?.on('data', (chunk: Buffer) => (events += chunk.toString()))
  const ended = once(child, 'close')
  const runDir = () =>
    join(TEST_HOME, 'state/runs', /"kind":"run","id":"(\w+)"/.exec(events)?.[1] ?? '')
  const isDumping = () => events !== '' && readdirSync(runDir()).some((file) => /packed/.test(file))
  while (!isDumping() && child.exitCode === null) await sleep(5)
  child.kill('SIGINT')
  expect(await ended).toEqual([100, null])
  const left = readdirSync(runDir())
  expect(left.filter((file) => /klab-|vmcore/.test(file))).toEqual([])
  expect(left).toContain('console.log')
})
