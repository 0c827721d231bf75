import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'

import { HOSTILE, runHostile, saidOf, type HostileMode } from '../support/hostile-guest.ts'
import { TEST_HOME } from '../support/home.ts'
import { testLab } from '../support/request.ts'

const dir = mkdtempSync(join(tmpdir(), 'klab-hostile-'))
afterAll(() => rmSync(dir, { recursive: true }))

const MODES = (Object.keys(HOSTILE) as HostileMode[]).map((mode) => ({ mode, ...HOSTILE[mode] }))

test.each(MODES)('a guest agent that is $mode ends as $ends', async ({ mode, ends, said }) => {
  const result = await runHostile(await testLab(), mode, dir)
  expect(result.outcome.kind).toBe(ends)
  expect([100, 124, 125]).toContain(result.exitCode)
  expect(saidOf(result)).toMatch(said)
  expect(() => statSync(join(TEST_HOME, 'run', result.id))).toThrow('ENOENT')
  // One that floods its console fills no disk.
  expect(statSync(result.consolePath).size).toBeLessThan(40 * 1024 * 1024)
})
