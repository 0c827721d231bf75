import { existsSync } from 'node:fs'
import { join } from 'node:path'

import { runOk } from '../../src/host/index.ts'
import { runInVm, type RunResult } from '../../src/lab/run/run.ts'
import type { Lab } from '../../src/lab/session/context.ts'
import { testRequest, uninterrupted } from './request.ts'

/** What a guest whose PID 1 is hostile.c does, how that ends, and what is said of it. */
export const HOSTILE = {
  SILENT: { ends: 'boot-failed', said: /agent did not connect/ },
  GARBAGE: { ends: 'boot-failed', said: /agent|protocol/ },
  HUGE_FRAME: { ends: 'boot-failed', said: /agent|protocol/ },
  UNASKED_OUTPUT: { ends: 'lost', said: /more output than it was allowed to/ },
  FALSE_CREDIT: { ends: 'lost', said: /granted more input than was sent/ },
  DEAF: { ends: 'timed-out', said: /^$/ },
  CLOSES: { ends: 'crashed', said: /Attempted to kill init/ },
  FLOOD_CONSOLE: { ends: 'timed-out', said: /^$/ },
} as const

export type HostileMode = keyof typeof HOSTILE

/** A run whose PID 1 is hostile.c, compiled into a directory. */
export async function runHostile(lab: Lab, mode: HostileMode, dir: string): Promise<RunResult> {
  const agentPath = join(dir, mode)
  const source = join(import.meta.dirname, 'hostile.c')
  if (!existsSync(agentPath))
    await runOk('gcc', [
      ...['-static', '-O1', '-Wno-return-type', `-DMODE=${mode}`],
      ...['-o', agentPath, source],
    ])
  const request = await testRequest(lab, ['true'], { timeout: '8s', bootTimeout: '3s' })
  return await runInVm(lab, request, {
    agentPath,
    // A reader that never takes anything: no credit is granted.
    terminal: { stdout: () => new Promise<void>(() => undefined), stderr: () => undefined },
    interrupts: uninterrupted(),
    onEvent: () => undefined,
  })
}

/** What was said of an end. */
export function saidOf({ outcome }: RunResult): string {
  if (outcome.kind === 'crashed') return outcome.report.title
  return 'reason' in outcome ? outcome.reason : ''
}
