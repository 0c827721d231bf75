import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'

import { TEST_HOME } from '../support/home.ts'
import { testTree } from '../support/kernels.ts'
import { klab } from '../support/klab.ts'
import { TestVms, listed } from '../support/vms.ts'

test('gdb stops a kernel at a symbol before it goes on', async () => {
  const result = await klab([
    ...['debug', 'run', '--tree', testTree(), '--break', 'start_kernel'],
    ...['--', '-batch', '-ex', 'bt 2', '-ex', 'detach'],
  ])
  expect(result.stdout).toMatch(/Breakpoint 1, .*start_kernel/)
  expect(result.stdout).toMatch(/#0 .*start_kernel/)
  expect(result.code).toBe(0)
  expect(await listed('debug')).toBeUndefined()
})

test('gdb looks into a running VM, which goes on afterwards', async () => {
  await using vms = new TestVms()
  const name = await vms.start('gdb')
  const result = await klab(['debug', name, '--', '-batch', '-ex', 'info symbol $pc'])
  expect(result.stdout).toMatch(/in section \.text/)
  expect((await vms.exec(name, ['echo', 'alive'])).stdout).toBe('alive\n')
})

const dir = mkdtempSync(join(tmpdir(), 'klab-debug-'))
afterAll(() => rmSync(dir, { recursive: true }))

test('a VM of an image is debugged and inspected with the vmlinux that lies beside it', async () => {
  const id = (await klab(['build', '-q', '--tree', testTree()])).stdout.trim()
  // As somebody else's kernel: under a home that has not built it.
  const [home, place] = [join(dir, 'home'), join(dir, 'kernel')]
  mkdirSync(place)
  const names = {
    image: 'bzImage',
    vmlinux: 'vmlinux',
    config: 'config',
    'layout.json': 'layout.json',
  }
  for (const [from, to] of Object.entries(names))
    cpSync(join(TEST_HOME, 'cache/kernels', id, from), join(place, to))
  const own = { env: { KLAB_HOME: home } }
  const started = await klab(['start', '-q', 'beside', '--kernel', join(place, 'bzImage')], own)
  expect(started).toMatchObject({ code: 0, stdout: 'beside\n' })
  try {
    const gdb = await klab(['debug', 'beside', '--', '-batch', '-ex', 'info symbol $pc'], own)
    expect(gdb.stdout).toMatch(/in section \.text/)
    const { state } = JSON.parse((await klab(['inspect', 'beside', '--json'], own)).stdout)
    expect(state).toMatchObject({ vmlinux: join(place, 'vmlinux') })
    expect(state.tasks.length).toBeGreaterThan(10)
  } finally {
    await klab(['rm', '--force', 'beside'], own)
  }
})
