import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'

import { runOk } from '../../src/host/index.ts'
import { runInVm, type RunResult } from '../../src/lab/run/run.ts'
import { TEST_HOME } from '../support/home.ts'
import { testLab, testRequest, uninterrupted } from '../support/request.ts'

const dir = mkdtempSync(join(tmpdir(), 'klab-hostile-'))
afterAll(() => rmSync(dir, { recursive: true }))

/** A run whose PID 1 is test/support/hostile.c. */
async function runHostile(mode: string): Promise<RunResult> {
  const agentPath = join(dir, mode)
  await runOk('gcc', [
    '-static',
    '-O1',
    '-Wno-return-type',
    `-DMODE=${mode}`,
    '-o',
    agentPath,
    'test/support/hostile.c',
  ])
  const lab = await testLab()
  const request = await testRequest(lab, ['true'], { timeout: '8s', bootTimeout: '3s' })
  return await runInVm(lab, request, {
    agentPath,
    // A reader that never takes anything: no credit is granted.
    terminal: { stdout: () => new Promise<void>(() => undefined), stderr: () => undefined },
    interrupts: uninterrupted(),
    onEvent: () => undefined,
  })
}

test.each([
  ['SILENT', 'boot-failed', /agent did not connect/],
  ['GARBAGE', 'boot-failed', /agent|protocol/],
  ['HUGE_FRAME', 'boot-failed', /agent|protocol/],
  ['UNASKED_OUTPUT', 'lost', /more output than it was allowed to/],
  ['FALSE_CREDIT', 'lost', /granted more input than was sent/],
  ['DEAF', 'timed-out', /^$/],
  ['CLOSES', 'crashed', /Attempted to kill init/],
])('a guest agent that is %s ends as %s', async (mode, kind, reason) => {
  const { outcome, exitCode, id } = await runHostile(mode)
  expect(outcome.kind).toBe(kind)
  expect([100, 124, 125]).toContain(exitCode)
  const said =
    outcome.kind === 'crashed' ? outcome.report.title : 'reason' in outcome ? outcome.reason : ''
  expect(said).toMatch(reason)
  expect(() => statSync(join(TEST_HOME, 'run', id))).toThrow('ENOENT')
})

test('a guest that floods its console fills no disk', async () => {
  const { outcome, consolePath } = await runHostile('FLOOD_CONSOLE')
  expect(outcome.kind).toBe('timed-out')
  expect(statSync(consolePath).size).toBeLessThan(40 * 1024 * 1024)
})
