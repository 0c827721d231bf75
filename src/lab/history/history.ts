import { existsSync } from 'node:fs'
import { join } from 'node:path'

import { readRecorded } from '../../host/index.ts'
import {
  isProblem,
  type RunFilter,
  type RunRow,
  type Store,
  type StoredReport,
} from '../../store/index.ts'
import { describeOutcome, type Outcome } from '../outcome/outcome.ts'
import type { Lab } from '../session/context.ts'
import { outputPath } from './output-record.ts'
import { reapRuns } from './live-runs.ts'
import { pruneRunDirectories, pruneRuns } from './prune-runs.ts'
import type { Pruned } from './prune-to.ts'
import { openHistory } from './run-record.ts'
import { outcomeOfRow, recordOf, timesOf, wordsOf } from './stored-run.ts'

/** A run as it is shown: the JSON of the store read. */
export interface RunView {
  readonly id: string
  readonly startedAt: string
  readonly endedAt: string | null
  readonly argv: readonly string[]
  readonly cwd: string
  readonly kernel: string
  readonly release: string | null
  readonly machine: Readonly<Record<string, unknown>>
  /** Null while it runs. */
  readonly outcome: { readonly kind: string } | null
  readonly exitCode: number | null
  readonly phases: Readonly<Record<string, number>>
  readonly durationMs: number | null
  readonly peakMemoryKiB: number | null
  readonly consolePath: string
}

/** The recorded runs, newest first, after those whose klab was killed have been set right. */
export async function listRuns(lab: Lab, filter: RunFilter): Promise<RunView[]> {
  return await withStore(lab, async (store) => (await store.runs(filter)).map(viewOf))
}

/** A run with all that is kept of it. */
export interface WholeRun extends RunView {
  /** QEMU's command line; null where none is recorded. */
  readonly qemu: readonly string[] | null
  readonly reports: readonly StoredReport[]
}

/** All of the one run whose id begins so. Throws InfraError if there is none, or several. */
export async function showRun(lab: Lab, id: string): Promise<WholeRun> {
  return await withStore(lab, async (store) => {
    const { reports, ...row } = await store.run(id)
    return { ...viewOf(row), qemu: row.qemu === null ? null : wordsOf(row.qemu), reports }
  })
}

/** What the command of a run printed, as far as it was kept. */
export async function outputOf(
  { paths }: Lab,
  { id }: RunView,
): Promise<{ stdout: Buffer; stderr: Buffer }> {
  const dir = join(paths.state, 'runs', id)
  const read = (stream: 'stdout' | 'stderr') =>
    // A command that printed nothing has no file.
    existsSync(outputPath(dir, stream)) ? readRecorded(outputPath(dir, stream)) : Buffer.alloc(0)
  return { stdout: read('stdout'), stderr: read('stderr') }
}

/** The console of a run, as it was recorded. */
export async function consoleOf(run: RunView): Promise<Buffer> {
  return readRecorded(run.consolePath)
}

export async function pruneHistory(
  lab: Lab,
  limits: { runs: number; bytes: number },
): Promise<Pruned> {
  try {
    return await withStore(lab, (store) => pruneRuns(lab, store, limits))
  } catch (error) {
    if (!isProblem(error, 'FULL')) throw error
    // The database needs room itself before it can tell anything; the next time it drops what is gone.
    const made = await pruneRunDirectories(lab, limits)
    if (made.removed.length === 0) throw error
    return made
  }
}

/** The database of runs, with what they have left elsewhere, and those set right whose klab was killed. */
export async function withStore<T>(lab: Lab, use: (store: Store) => Promise<T>): Promise<T> {
  await using store = await openHistory(lab)
  await reapRuns(lab, store)
  return await use(store)
}

/** A run as it is shown, and nothing else of a row. What is damaged of one is left out. */
export function viewOf(row: RunRow): RunView {
  const { id, startedAt, endedAt, cwd, kernel, release, exitCode } = row
  const { durationMs, peakMemoryKiB, consolePath } = row
  return {
    ...{ id, startedAt, endedAt, cwd, kernel, release, exitCode },
    ...{ durationMs, peakMemoryKiB, consolePath },
    argv: wordsOf(row.argv),
    machine: recordOf(row.machine),
    outcome: outcomeOfRow(row),
    phases: timesOf(row.phases),
  }
}

/** A stored outcome, for people. */
export function describeStored(outcome: { readonly kind: string }): string {
  // viewOf has looked at it.
  return describeOutcome(outcome as Outcome)
}
