import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'

import { newId } from '../../src/base/index.ts'
import { runOk } from '../../src/host/index.ts'
import { KernelStore } from '../../src/kernel/index.ts'
import { rememberKernel } from '../../src/lab/kernels/last-kernel.ts'
import type { Lab } from '../../src/lab/session/context.ts'
import { klab, startKlab } from '../support/klab.ts'
import { TEST_HOME } from '../support/home.ts'
import { testTree } from '../support/kernels.ts'
import { testLab } from '../support/request.ts'

const dir = mkdtempSync(join(tmpdir(), 'klab-guess-'))
afterAll(() => rmSync(dir, { recursive: true }))
// Its own history, in which nobody else runs anything; the kernels are those of all tests.
const home = join(dir, 'home')
mkdirSync(home)
symlinkSync(join(TEST_HOME, 'cache'), join(home, 'cache'))
const env = { KLAB_HOME: home }
const choice = { tree: testTree(), options: [], configFiles: [] }

async function runEvents(...argv: string[]) {
  const { code, stdout } = await klab(['run', '--events', '--tree', testTree(), '--', ...argv], {
    env,
  })
  const events = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { kind: string; origin?: string; id?: string })
  return { code, events }
}

test('the kernel of the last time is run when it is still the right one', async () => {
  await runEvents('true')
  const { code, events } = await runEvents('sh', '-c', 'exit 6')
  expect(code).toBe(6)
  expect(events.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['kernel', 'run']))
  const [one, ...others] = events.filter(({ kind }) => kind === 'run')
  expect(others).toEqual([])
  const shown = JSON.parse((await klab(['runs', 'show', one?.id ?? '', '--json'], { env })).stdout)
  expect(shown).toMatchObject({ exitCode: 6, kernel: events[0]?.origin ?? events[1]?.origin })
})

/** Makes the next guess of a lab a wrong one: another kernel of the cache, made now, a copy under another id. Gone at the end of the scope. */
async function wrongGuess(lab: Lab, right: string): Promise<Disposable> {
  const store = new KernelStore(lab.paths.cache)
  const id = newId(12)
  const first = (await store.list()).find(({ manifest }) => right.includes(manifest.id))
  await runOk('cp', ['-r', store.directory(first?.manifest.id ?? ''), store.directory(id)])
  const manifest = { ...first?.manifest, id }
  writeFileSync(join(store.directory(id), 'manifest.json'), JSON.stringify(manifest))
  await rememberKernel(lab, choice, id)
  return { [Symbol.dispose]: () => rmSync(store.directory(id), { recursive: true }) }
}

async function rightKernel(): Promise<string> {
  return (await runEvents('true')).events.find(({ kind }) => kind === 'kernel')?.origin ?? ''
}

test('what the VM of a wrong guess has is free before the right one begins', async () => {
  const port = await freePort()
  // Slow enough for the guess to be refused while its QEMU is on its way.
  const qemu = join(dir, 'slow-qemu')
  writeFileSync(qemu, '#!/bin/sh\nsleep 1\nexec /usr/bin/qemu-system-x86_64 "$@"\n', {
    mode: 0o755,
  })
  const slowly = { env: { ...env, KLAB_QEMU: qemu } }
  const right = await rightKernel()
  // Once for what is asked of a new QEMU.
  expect((await klab(['run', '-q', '--tree', testTree(), '--', 'true'], slowly)).code).toBe(0)
  using _wrong = await wrongGuess(await testLab(), right)
  const net = ['--net', 'user', '--publish', `127.0.0.1:${port}:22`, '--fresh']
  const args = ['run', '-q', '--no-stdin', ...net, '--tree', testTree(), '--', 'true']
  expect(await klab(args, slowly)).toMatchObject({ code: 0, stderr: '' })
})

test('a look at the tree that takes its time costs the boot nothing', async () => {
  const limit = ['--boot-timeout', '300ms']
  const args = ['run', '--no-stdin', ...limit, '--tree', testTree(), '--', 'sh', '-c', 'exit 6']
  const child = startKlab(args, { env })
  const ended = once(child, 'close')
  let look: number | undefined
  while ((look = lookOf(child.pid ?? 0)) === undefined && child.exitCode === null) await sleep(1)
  if (look === undefined) throw new Error('nobody has looked at the tree')
  process.kill(look, 'SIGSTOP')
  // Longer than a boot may take, also when it is emulated (5 times); a tool that is stopped for 2 s is given up.
  await sleep(1_800)
  process.kill(look, 'SIGCONT')
  expect(await ended).toEqual([6, null])
})

/** The process that looks at the tree for a klab. */
function lookOf(parent: number): number | undefined {
  const children = readFileSync(`/proc/${parent}/task/${parent}/children`, 'latin1').split(' ')
  return children
    .filter((pid) => pid !== '')
    .map(Number)
    .find((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('\0--tree\0')
      } catch {
        return false
      }
    })
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

test('a guess that is wrong runs no command, and leaves nothing', async () => {
  const lab = await testLab()
  const right = await rightKernel()
  {
    using _wrong = await wrongGuess(lab, right)
    const before = readdirSync(join(home, 'state/runs')).length
    const trace = join(dir, 'trace')
    writeFileSync(trace, '')
    const share = ['--share', `rw:${dir}`]
    const args = [
      'run',
      '-q',
      ...share,
      '--tree',
      testTree(),
      '--',
      'sh',
      '-c',
      `echo ran >> ${trace}`,
    ]
    expect(await klab(args, { env })).toMatchObject({ code: 0, stderr: '' })
    expect(readFileSync(trace, 'utf8')).toBe('ran\n')
    const [newest] = JSON.parse((await klab(['runs', '--json', '--limit', '1'], { env })).stdout)
    expect(newest.kernel).toBe(right)
    expect(readdirSync(join(home, 'state/runs')).length).toBe(before + 1)
    expect(existsSync(join(home, 'run', newest.id))).toBe(false)
  }
})
