import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { TEST_HOME } from '../support/home.ts'
import { testTree } from '../support/kernels.ts'
import { klab as start } from '../support/klab.ts'

const dir = mkdtempSync(join(tmpdir(), 'klab-audit-'))
const home = join(dir, 'home')
beforeAll(() => {
  mkdirSync(join(dir, 'out'))
  mkdirSync(home, { mode: 0o700 })
  symlinkSync(join(TEST_HOME, 'cache'), join(home, 'cache'))
})
afterAll(() => rmSync(dir, { recursive: true }))

const klab = (...args: string[]) => start(args, { cwd: dir, env: { KLAB_HOME: home } })

const LINE = '{"command-line":"info kvm"}'

async function audited(): Promise<string[][]> {
  const { stdout } = await klab('audit', '--json')
  const entries = JSON.parse(stdout) as { what: string; subject: string; detail: string }[]
  return entries.map(({ what, subject, detail }) => [what, subject, detail])
}

test('what touches this machine or enters a VM is written down, and nothing else', async () => {
  const tree = ['--tree', testTree()]
  await klab('run', '-q', ...tree, '--share', 'ro:out', '--', 'true')
  expect(await audited()).toEqual([])
  const share = ['--share', 'rw:out', '--net', 'user', '--publish', '0:22']
  const ran = await klab('run', '-q', '--json', ...tree, ...share, '--env', 'TOKEN=x', '--', 'true')
  const { id } = JSON.parse(ran.stdout)
  expect((await klab('start', 'box', ...tree)).code).toBe(0)
  try {
    expect((await klab('exec', '--user', 'root', 'box', '--', 'touch', '/tmp/x')).code).toBe(0)
    expect((await klab('cp', 'box:/tmp/x', 'x')).code).toBe(0)
    expect((await klab('dump', 'box', '-o', 'box.dump')).code).toBe(0)
    expect((await klab('monitor', 'box', '--', 'info', 'status')).code).toBe(0)
    expect((await klab('qmp', 'box', 'human-monitor-command', LINE)).code).toBe(0)
    expect((await klab('console', 'box')).code).toBe(0)
    expect((await klab('debug', 'box', '--', '-batch')).code).toBe(0)
  } finally {
    await klab('rm', '--force', 'box')
  }
  expect(await audited()).toEqual([
    ['share', id, `rw ${join(dir, 'out')} at ${join(dir, 'out')}`],
    ['publish', id, '127.0.0.1:any to 22/tcp'],
    ['exec', 'box', 'root: touch /tmp/x'],
    ['copy', 'box:/tmp/x', join(dir, 'x')],
    ['dump', 'box', join(dir, 'box.dump')],
    ['monitor', 'box', 'info status'],
    ['qmp', 'box', `human-monitor-command ${LINE}`],
    ['console', 'box', ''],
    ['debug', 'box', 'gdb -batch'],
  ])
})
