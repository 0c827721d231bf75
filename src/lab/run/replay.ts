import { join } from 'node:path'
import { Readable } from 'node:stream'

import { InfraError } from '../../base/index.ts'
import type { Lab } from '../session/context.ts'
import { viewOf, withStore, type RunView } from '../history/history.ts'
import { isSameOutcome, type Outcome } from '../outcome/outcome.ts'
import { hasInput, keptInput } from '../history/run-input.ts'
import { envAgain } from '../history/kept-env.ts'
import { recordedRequest } from '../history/stored-run.ts'
import type { RecordedRequest } from '../history/run-record.ts'
import { repeatRun, type RepeatParts } from './repeat.ts'
import type { RunRequest } from '../spec/run-request.ts'
import { runInVm, type RunParts, type RunResult } from './run.ts'
import type { RepeatSummary } from './tally.ts'

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
  { id, env }: ReplayWish,
  parts: RunParts,
): Promise<Replay> {
  const { run, before, request, stdin } = await recordedRun(lab, { id, env })
  const terminal = { ...parts.terminal, ...(stdin && { stdin: stdin() }) }
  const result = await runInVm(asThen(lab, run, request), request, { ...parts, terminal })
  return { of: run.id, before, result, isSame: isSameOutcome(before, result.outcome) }
}

/** As replayRun, several times: how often it ends in the same way. With `untilSame` it stops at the first that does. */
export async function replayOften(
  lab: Lab,
  { id, env, untilSame, ...times }: ReplayTimes,
  parts: RepeatParts,
): Promise<ReplaySummary> {
  const { run, before, request, stdin } = await recordedRun(lab, { id, env })
  let same = 0
  const isLast = ({ outcome }: RunResult) => {
    const isSame = isSameOutcome(before, outcome)
    if (isSame) same++
    return isSame && untilSame
  }
  const { judge } = request
  // Nobody is there to look at each.
  const onCrash = judge.onCrash === 'pause' ? 'stop' : judge.onCrash
  const summary = await repeatRun(
    asThen(lab, run, request),
    {
      ...times,
      ...{ request: { ...request, judge: { ...judge, onCrash } }, isLast },
      ...(stdin && { stdin }),
    },
    parts,
  )
  return { of: run.id, before, same, ...summary }
}

/** Which run is to be done again, and with which variables: values that were given are not kept. */
export interface ReplayWish {
  readonly id: string
  readonly env: readonly string[]
}

/** As ReplayWish, and how often. */
export interface ReplayTimes extends ReplayWish {
  readonly count: number
  readonly jobs: number
  readonly untilSame: boolean
}

/** Where the run was, with what the configuration had to say then. */
function asThen(lab: Lab, run: RunView, { command }: RunRequest): Lab {
  const { run: config, ...rest } = lab.config
  return {
    ...lab,
    cwd: command.cwd ?? run.cwd,
    config: { ...rest, run: { ...config, env: [] } },
  }
}

interface Recorded {
  readonly run: RunView
  readonly before: Outcome
  readonly request: RunRequest
  readonly stdin: (() => AsyncIterable<Uint8Array>) | undefined
}

async function recordedRun(lab: Lab, { id, env }: ReplayWish): Promise<Recorded> {
  const row = await withStore(lab, (store) => store.run(id))
  const run = viewOf(row)
  const refuse = (why: string) => {
    throw new InfraError('REPLAY', `run ${run.id} cannot be done again: ${why}`)
  }
  if (run.outcome === null)
    throw new InfraError('REPLAY', `run ${run.id} goes on; klab runs shows it`)
  if (row.request === null)
    return refuse('it is of a VM that stayed, or of a klab that did not record what was asked for')
  const asked = recordedRequest(row.request)
  if (!asked) return refuse('what it was asked for is damaged, or of a klab of another version')
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
  const { input } = asked
  const request = withEnv(lab, asked, { run: run.id, env })
  // Now: the run may be removed as the oldest while it is done again.
  const bytes = input === 'all' ? keptInput(dir) : undefined
  const stdin = bytes && (() => Readable.from([bytes]))
  // The outcome was written by us too.
  return { run, before: run.outcome as Outcome, request, stdin }
}

/** With the values of its variables, as they are given now. Throws InfraError for one that is not. */
function withEnv(
  lab: Lab,
  { request, unkept }: RecordedRequest,
  { run, env }: { readonly run: string; readonly env: readonly string[] },
): RunRequest {
  const { command } = request
  // Those of the configuration may be among them; others of it are not this run's.
  const configured = lab.config.run.env.filter((item) =>
    unkept.includes(item.split('=', 1)[0] ?? ''),
  )
  const sources = [...configured, ...env]
  const again = envAgain({ env: command.env, unkept }, { run, sources, env: lab.env })
  return { ...request, command: { ...command, env: again } }
}
