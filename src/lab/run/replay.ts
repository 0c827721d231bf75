import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'

import { decodeJson, InfraError } from '../../base/index.ts'
import type { Interrupts, Terminal } from '../session/terminal.ts'
import type { Lab } from '../session/context.ts'
import type { OnEvent } from '../outcome/events.ts'
import { viewOf, withStore, type RunView } from '../history/history.ts'
import { isSameOutcome, type Outcome } from '../outcome/outcome.ts'
import { hasInput, inputPath } from '../history/run-input.ts'
import { isRecordedRequest } from '../history/stored-run.ts'
import { repeatRun, type RepeatEvent, type RepeatSummary } from './repeat.ts'
import type { RunRequest } from '../spec/run-request.ts'
import { runInVm, type RunResult } from './run.ts'

/** A run that was done again. */
export interface Replay {
  readonly of: string
  readonly before: Outcome
  readonly result: RunResult
  readonly isSame: boolean
}

/** A run that was done again several times. */
export interface ReplaySummary extends RepeatSummary {
  readonly of: string
  readonly before: Outcome
  /** How many ended as it did. */
  readonly same: number
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
  const { run, before, request, stdin } = await recordedRun(lab, id)
  const result = await runInVm(
    asThen(lab, run, request),
    request,
    { ...terminal, ...(stdin && { stdin: stdin() }) },
    interrupts,
    onEvent,
  )
  return { of: run.id, before, result, isSame: isSameOutcome(before, result.outcome) }
}

/** As replayRun, several times: how often it ends in the same way. With `untilSame` it stops at the first that does. */
export async function replayOften(
  lab: Lab,
  id: string,
  { count, jobs, untilSame }: { count: number; jobs: number; untilSame: boolean },
  stop: AbortSignal,
  onEvent: (event: RepeatEvent) => void,
): Promise<ReplaySummary> {
  const { run, before, request, stdin } = await recordedRun(lab, id)
  let same = 0
  const isLast = ({ outcome }: RunResult) => {
    const isSame = isSameOutcome(before, outcome)
    if (isSame) same++
    return isSame && untilSame
  }
  // Nobody is there to look at each.
  const onCrash = request.onCrash === 'pause' ? 'stop' : request.onCrash
  const summary = await repeatRun(
    asThen(lab, run, request),
    { ...request, onCrash },
    { count, jobs, isLast, ...(stdin && { stdin }) },
    stop,
    onEvent,
  )
  return { of: run.id, before, same, ...summary }
}

/** Where the run was, with what the configuration had to say then. */
function asThen(lab: Lab, run: RunView, request: RunRequest): Lab {
  const { run: config, ...rest } = lab.config
  return {
    ...lab,
    cwd: request.cwd ?? run.cwd,
    config: { ...rest, run: { ...config, env: [] } },
  }
}

interface Recorded {
  readonly run: RunView
  readonly before: Outcome
  readonly request: RunRequest
  readonly stdin: (() => AsyncIterable<Uint8Array>) | undefined
}

async function recordedRun(lab: Lab, id: string): Promise<Recorded> {
  const row = await withStore(lab, (store) => store.run(id))
  const run = viewOf(row)
  const refuse = (why: string) => {
    throw new InfraError('REPLAY', `run ${run.id} cannot be done again: ${why}`)
  }
  if (run.outcome === null)
    throw new InfraError('REPLAY', `run ${run.id} goes on; klab runs shows it`)
  if (row.request === null)
    return refuse('it is of a VM that stayed, or of a klab that did not record what was asked for')
  const what = `the record of what run ${run.id} was asked for`
  const asked = decodeJson(row.request, { what, check: isRecordedRequest })
  const dir = join(lab.paths.state, 'runs', run.id)
  switch (asked.input) {
    case 'typed':
      return refuse('it was interactive, and what was typed is not kept')
    case 'too much':
      return refuse('its input was larger than what klab keeps (16 MiB)')
    case 'all':
      if (!hasInput(dir)) return refuse('its input is gone')
      break
    case 'none':
    case undefined:
  }
  const { request, input } = asked
  // Now: the run may be removed as the oldest while it is done again.
  const bytes = input === 'all' ? await readFile(inputPath(dir)) : undefined
  const stdin = bytes && (() => Readable.from([bytes]))
  // The outcome was written by us too.
  return { run, before: run.outcome as Outcome, request, stdin }
}
