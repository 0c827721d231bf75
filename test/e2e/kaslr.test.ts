import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { testTree } from '../support/kernels.ts'
import { klab } from '../support/klab.ts'
import { TestVms } from '../support/vms.ts'

/** A kernel that moves itself when it boots. */
const OPTIONS = ['--config', 'CONFIG_RELOCATABLE=y', '--config', 'CONFIG_RANDOMIZE_BASE=y']
let kernel = ''
const dir = mkdtempSync(join(tmpdir(), 'klab-kaslr-'))
afterAll(() => rmSync(dir, { recursive: true }))

beforeAll(async () => {
  const built = await klab(['build', '--json', '--tree', testTree(), ...OPTIONS], {
    timeoutMs: 1_500_000,
  })
  if (built.code !== 0) throw new Error(built.stderr)
  kernel = JSON.parse(built.stdout).id
}, 1_500_000)

test('it is somewhere else after each boot', async () => {
  const where = [
    'run',
    '-q',
    '--fresh',
    '--kernel',
    kernel,
    '--',
    'grep',
    ' _text$',
    '/proc/kallsyms',
  ]
  const places = new Set<string>()
  for (let boot = 0; boot < 3; boot++) places.add((await klab(where)).stdout)
  expect([...places].every((place) => /^ffffffff[0-9a-f]{8} T _text\n$/.test(place))).toBe(true)
  expect(places.size).toBeGreaterThan(1)
})

test('its dumps are read where it is', async () => {
  await using vms = new TestVms()
  const name = vms.name('moved')
  expect(await klab(['start', '-q', name, '--kernel', kernel])).toMatchObject({ code: 0 })
  for (const format of ['elf', 'kdump']) {
    const path = join(dir, format)
    await klab(['dump', name, '-o', path, '--format', format])
    const { code, stdout, stderr } = await klab(['inspect', path, '--tasks'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    // Whatever it was doing: its frames have names where the kernel is, and none where it was linked.
    expect(stdout).toMatch(/^CPU 0: .+ \(\d+\)\n(?: .*\n)* \w[\w.]*\+0x\w+\/0x\w+$/m)
    expect(stdout).toMatch(/^2 +2 +S +\[kthreadd\]$/m)
  }
})

test('where it hangs is named', async () => {
  const lockup = 'echo HARDLOCKUP > /sys/kernel/debug/provoke-crash/DIRECT'
  const run = ['run', '--kernel', kernel, '--user', 'root', '--idle-timeout', '3s']
  const { code, stderr } = await klab([...run, '--', 'sh', '-c', lockup])
  expect(code).toBe(124)
  expect(stderr).toMatch(
    /hung: silent for .*; .*CPU \d in lkdtm_HARDLOCKUP\+0x\w+\/0x\w+, interrupts off/,
  )
})
