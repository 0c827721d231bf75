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
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'

import { runOk } from '../../src/host/index.ts'
import { KernelStore } from '../../src/kernel/index.ts'
import { rememberKernel } from '../../src/lab/kernels/last-kernel.ts'
import { klab } from '../support/klab.ts'
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

test('a guess that is wrong runs no command, and leaves nothing', async () => {
  const lab = await testLab()
  const store = new KernelStore(lab.paths.cache)
  const right = (await runEvents('true')).events.find(({ kind }) => kind === 'kernel')?.origin
  // Another kernel of the cache, made now: a copy under another id.
  const id = 'fedcba987654'
  const first = (await store.list()).find(({ manifest }) => right?.includes(manifest.id))
  await runOk('cp', ['-r', store.directory(first?.manifest.id ?? ''), store.directory(id)])
  const manifest = { ...first?.manifest, id }
  writeFileSync(join(store.directory(id), 'manifest.json'), JSON.stringify(manifest))
  try {
    await rememberKernel(lab, choice, id)
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
  } finally {
    rmSync(store.directory(id), { recursive: true })
  }
})
