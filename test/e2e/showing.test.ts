import { expect, test } from 'vitest'

import { DANGEROUS, FORGED } from '../support/hostile-text.ts'
import { testTree } from '../support/kernels.ts'
import { klab, type KlabResult } from '../support/klab.ts'
import { TestVms } from '../support/vms.ts'

/** Escape sequences, C1 as UTF-8 and as bytes, bidi, line separators, and a line that looks like klab's: as printf writes them. */
const SAID = String.raw`\033[2J\033]0;t\007\302\2331m\233\342\200\256\342\200\250\r\n${FORGED}`

/** No other crash in the history has it. */
const NONCE = `sly${process.pid}`

const PANIC = `Kernel panic - not syncing: ${NONCE} ${SAID}`

/** A shell command by which a guest's kernel seems to complain in such words. */
const COMPLAINS = String.raw`printf '<0>${PANIC}\n' >/dev/kmsg; printf '<0>---[ end ${PANIC} ]---\n' >/dev/kmsg`

function expectPlain({ stdout, stderr }: Pick<KlabResult, 'stdout' | 'stderr'>): void {
  expect(stdout).not.toMatch(DANGEROUS)
  expect(stderr).not.toMatch(DANGEROUS)
  expect(stderr).not.toMatch(new RegExp(`^${FORGED}`, 'm'))
}

const inGuest = ['--user', 'root', '--', 'sh', '-c', `${COMPLAINS}; sleep 2`]

test('a guest whose kernel says what it likes reaches no terminal by it', async () => {
  const result = await klab(['run', '--json', '--tree', testTree(), ...inGuest])
  expect(result.code).toBe(100)
  expectPlain(result)
  // Titles have no controls to begin with.
  expect(result.stderr).toContain(`kernel panic: ${NONCE} [2J`)
  const { id } = JSON.parse(result.stdout) as { id: string }
  for (const argv of [
    ['runs', 'show', id],
    ['runs', '--limit', '1'],
    ...['text', 'markdown', 'mail'].map((format) => ['crash', 'show', NONCE, '--format', format]),
  ]) {
    const shown = await klab(argv)
    expectPlain(shown)
    expect([argv, shown.stdout]).toEqual([argv, expect.stringMatching(/\\x1b\\?\[2J|crashed/)])
  }
})

test('its events are JSON, a line for each', async () => {
  const result = await klab(['run', '--events', '--tree', testTree(), ...inGuest])
  expectPlain(result)
  const events = result.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { kind: string })
  expect(events.map(({ kind }) => kind)).toContain('report')
  expect(JSON.stringify(events)).toContain(String.raw`${NONCE} \u001b[2J`)
})

test('a VM that stays is asked, and what it says is made visible', async () => {
  await using vms = new TestVms()
  const name = await vms.start('sly')
  const root = ['exec', '--user', 'root', name, '--', 'sh', '-c']
  const sly = String.raw`printf '\033[2J\302\2331m' >/proc/$$/comm; ${COMPLAINS}; sleep 1`
  expectPlain(await klab([...root, `(${sly}; sleep 60) >/dev/null 2>&1 & sleep 2`]))
  // The user's own command is the user's own business.
  expect((await klab([...root, `printf '${SAID}'`])).output).toContain(0x1b)
  for (const argv of [
    ...[['status', name], ['ps'], ['ps', '--json'], ['stats', '--once', name]],
    ...[
      ['inspect', name, '--tasks'],
      ['logs', 'analyse', name],
      ['dmesg', name, '--reports'],
    ],
    ['monitor', name, 'info', 'status'],
  ])
    expectPlain(await klab(argv))
  expect((await klab(['status', name])).stdout).toContain(NONCE)
  expect((await klab(['inspect', name, '--tasks'])).stdout).toContain(String.raw`\x1b[2J`)
  // For a pipe, as it is.
  expect((await klab(['logs', name])).output).toContain(0x1b)
})
