import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { beforeEach, afterEach, describe, expect, test, vi } from 'vitest'

import { processIdentity } from '../src/host/index.ts'
import { TicketRack } from '../src/lab/schedule/ticket.ts'
import { klab as start } from './support/klab.ts'

// Each starts several klabs, perhaps on a machine that is busy.
vi.setConfig({ testTimeout: 60_000 })

let home = ''
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'klab-damage-'))
})
afterEach(() => rmSync(home, { recursive: true }))

const klab = (...args: string[]) => start(args, { cwd: home, env: { KLAB_HOME: home } })

function write(path: string, text: string): void {
  mkdirSync(dirname(join(home, path)), { recursive: true })
  writeFileSync(join(home, path), text)
}

/** As the registry writes it. */
function vm(name: string, more: Readonly<Record<string, unknown>> = {}): string {
  const request = { name, vm: {}, judge: {}, cwd: '/', env: [] }
  const facts = {
    createdAt: '2026-01-01T00:00:00.000Z',
    request,
    kernel: 'k',
    runId: `run-${name}`,
  }
  return JSON.stringify({ id: `id-${name}`, ...facts, state: 'stopped', ...more })
}

function addVm(name: string, text: string): void {
  write(`state/vms/id-${name}/vm.json`, text)
  mkdirSync(join(home, 'state/vms/by-name'), { recursive: true })
  symlinkSync(join('..', `id-${name}`), join(home, 'state/vms/by-name', name))
}

const DAMAGED = [
  ['cut short', vm('box').slice(0, 40)],
  ['empty', ''],
  ['no record', '[]'],
  ['of a keeper that is none', vm('box', { keeper: 'init' })],
  ['of an outcome that is none', vm('box', { outcome: { kind: 'exited' } })],
] as const

describe.each(DAMAGED)('a vm.json that is %s', (_what, text) => {
  test('is left out of klab ps with a note, and klab rm --force removes the VM', async () => {
    addVm('box', text)
    addVm('sound', vm('sound'))
    const listed = await klab('ps', '-q')
    expect(listed).toMatchObject({
      ...{ code: 0, stdout: 'sound\n' },
      stderr:
        'klab: the VM box is left out: its record is damaged; klab rm --force box removes it\n',
    })
    for (const command of ['rm', 'status', 'stop', 'start'])
      expect(await klab(command, 'box')).toMatchObject({
        code: 125,
        stderr: expect.stringContaining(
          'the record of the VM box is damaged; klab rm --force box ends and removes it\n',
        ),
      })
    expect(await klab('rm', '--force', 'box')).toMatchObject({ code: 0, stderr: '' })
    expect(existsSync(join(home, 'state/vms/id-box'))).toBe(false)
    expect(await klab('ps', '-q')).toMatchObject({ code: 0, stdout: 'sound\n', stderr: '' })
  })
})

test('klab rm --force of a VM whose record is damaged ends its keeper', async () => {
  addVm('box', '')
  const keeper = spawn('sh', ['-c', 'sleep 60; :', 'keep', 'id-box'])
  const ended = once(keeper, 'exit')
  expect(await klab('rm', '--force', 'box')).toMatchObject({ code: 0 })
  expect(await ended).toEqual([null, 'SIGKILL'])
})

test('a snapshot.json that is damaged is left out, and its snapshot can be removed', async () => {
  addVm('box', vm('box'))
  const facts = { layout: 'plain', createdAt: '2026-01-01T00:00:00.000Z', bytes: 1 }
  write('state/vms/id-box/snapshots/good/snapshot.json', JSON.stringify({ name: 'good', ...facts }))
  write('state/vms/id-box/snapshots/bad/snapshot.json', '{"name":')
  const names = JSON.parse((await klab('snapshot', 'ls', 'box', '--json')).stdout) as object[]
  expect(names).toEqual([{ name: 'good', ...facts }])
  expect(await klab('snapshot', 'rm', 'box', 'bad')).toMatchObject({ code: 0, stderr: '' })
  expect(existsSync(join(home, 'state/vms/id-box/snapshots/bad'))).toBe(false)
  expect((await klab('snapshot', 'rm', 'box', '../snapshots')).stderr).toContain('no snapshot')
})

test('a template.json that is damaged is left out, and removed by name and by klab template prune', async () => {
  for (const key of ['aaaa00000000', 'bbbb00000000'])
    write(`cache/templates/${key}/template.json`, '{}')
  expect(await klab('template', 'ls', '--json')).toMatchObject({ code: 0, stdout: '[]\n' })
  expect(await klab('template', 'rm', 'aaaa')).toMatchObject({ code: 0, stderr: '' })
  expect(existsSync(join(home, 'cache/templates/aaaa00000000'))).toBe(false)
  expect(await klab('template', 'prune')).toMatchObject({ code: 0 })
  expect(existsSync(join(home, 'cache/templates/bbbb00000000'))).toBe(false)
})

test('a kernel whose manifest is damaged is removed as its message advises', async () => {
  write('cache/kernels/abcd12345678/manifest.json', '{')
  expect(await klab('kernel', 'ls')).toMatchObject({ code: 0 })
  const { stderr } = await klab('kernel', 'show', 'abcd')
  expect(stderr).toContain('is damaged, or was written by another klab; remove it: klab kernel rm')
  expect(await klab('kernel', 'rm', 'abcd')).toMatchObject({ code: 0 })
  expect(existsSync(join(home, 'cache/kernels/abcd12345678'))).toBe(false)
})

test('a configuration in the cache that is damaged is loaded anew', async () => {
  const asked = ['config', 'get', 'machine.cpus']
  const sound = await klab(...asked)
  const cached = readdirSync(join(home, 'cache/config'))
  expect(cached.length).toBeGreaterThan(0)
  for (const text of [
    '{"config": 1}',
    '{',
    '{"config": {}, "written": {}, "files": [], "sources": 3}',
  ]) {
    for (const name of cached) write(`cache/config/${name}`, text)
    expect(await klab(...asked)).toMatchObject({ code: 0, stdout: sound.stdout, stderr: '' })
  }
})

test('a ticket that is damaged holds nobody up', () => {
  const rack = new TicketRack({ runtime: home, cache: home, state: home, userConfig: home })
  for (const [number, text] of ['', '{', '{"claim": {}, "owner": {}}', '[1]'].entries())
    writeFileSync(join(rack.directory, `0000000000000000000${number}-damage`), text)
  expect(rack.before(rack.take({ cpus: 1, memoryMiB: 64, patient: true }))).toEqual([])
})

test.each([
  ['no JSON', 'hello\n', /^klab: the answer of the VM box is damaged: Unexpected token/],
  ['no answer', '{"what": 1}\n', /^klab: the answer of the VM box is damaged: it holds something/],
  ['another one', '{"value": 7}\n', /^klab: the VM box gave an answer .* asked for: status$/],
])('a keeper that answers with %s is told of in one sentence', async (_what, line, sentence) => {
  addVm('box', vm('box', { state: 'running', keeper: processIdentity(process.pid) }))
  mkdirSync(join(home, 'run/run-box'), { recursive: true, mode: 0o700 })
  const server = createServer((socket) => void socket.end(line))
  server.listen(join(home, 'run/run-box/control'))
  await once(server, 'listening')
  const { code, stderr } = await klab('status', 'box')
  server.close()
  expect(code).toBe(125)
  expect(stderr.trimEnd()).toMatch(sentence)
  expect(stderr.trimEnd()).not.toContain('\n')
})
