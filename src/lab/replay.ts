import { createReadStream } from 'node:fs'
import { join } from 'node:path'

import { InfraError } from '../base/index.ts'
import type { Interrupts, Terminal } from './command.ts'
import type { Lab } from './context.ts'
import type { OnEvent } from './events.ts'
import { viewOf, withStore, type RunView } from './history.ts'
import { isSameOutcome, type Outcome } from './outcome.ts'
import { hasInput, inputPath } from './run-input.ts'
import type { RecordedRequest } from './run-record.ts'
import { runInVm, type RunResult } from './run.ts'

/** A run that was done again. */
export interface Replay {
  readonly of: string
  readonly before: Outcome
  readonly result: RunResult
  readonly isSame: boolean
}

/**
 * The same kernel, machine, command, directory and input again, in a fresh VM, and whether it ends in the same way. Throws InfraError for a run
 * that cannot be done again: one that goes on, whose input was typed or was not kept, or a VM that stayed.
 */
export async function replayRun(
  lab: Lab,
  id: string,
  terminal: Terminal,
  interrupts: Interrupts,
  onEvent: OnEvent,
): Promise<Replay> {
  const { run, asked } = await recordedRun(lab, id)
  if (run.outcome === null)
    throw new InfraError('REPLAY', `run ${run.id} goes on; klab runs shows it`)
  const { stdin: _none, ...outputs } = terminal
  const dir = join(lab.paths.state, 'runs', run.id)
  const stdin = asked.input === 'all' ? createReadStream(inputPath(dir)) : undefined
  // Where the run was, with what the configuration had to say then.
  const { run: config, ...rest } = lab.config
  const then: Lab = {
    ...lab,
    cwd: asked.request.cwd ?? run.cwd,
    config: { ...rest, run: { ...config, env: [] } },
  }
  const result = await runInVm(
    then,
    asked.request,
    { ...outputs, ...(stdin && { stdin }) },
    interrupts,
    onEvent,
  )
  // Written by us (run-record.ts).
  const before = run.outcome as Outcome
  return { of: run.id, before, result, isSame: isSameOutcome(before, result.outcome) }
}

async function recordedRun(
  lab: Lab,
  id: string,
): Promise<{ run: RunView; asked: RecordedRequest }> {
  const row = await withStore(lab, (store) => store.run(id))
  const run = viewOf(row)
  const refuse = (why: string) => {
    throw new InfraError('REPLAY', `run ${run.id} cannot be done again: ${why}`)
  }
  if (row.request === null)
    return refuse('it is of a VM that stayed, or of a klab that did not record what was asked for')
  // Written by us (run-record.ts).
  const asked = JSON.parse(row.request) as RecordedRequest
  switch (asked.input) {
    case 'typed':
      return refuse('it was interactive, and what was typed is not kept')
    case 'too much':
      return refuse('its input was larger than what klab keeps (16 MiB)')
    case 'all':
      if (!hasInput(join(lab.paths.state, 'runs', run.id))) return refuse('its input is gone')
      break
    case 'none':
    case undefined:
  }
  return { run, asked }
}
