import { readFile } from 'node:fs/promises'

import type { RunFilter, RunRow, Store, StoredReport } from '../../store/index.ts'
import type { Lab } from '../session/context.ts'
import { reapRuns } from './live-runs.ts'
import { pruneRuns } from './prune-runs.ts'
import type { Pruned } from './prune-to.ts'
import { describeOutcome, type Outcome } from '../outcome/outcome.ts'
import { openStore } from './run-record.ts'

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

export async function showRun(
  lab: Lab,
  id: string,
): Promise<RunView & { reports: readonly StoredReport[] }> {
  return await withStore(lab, async (store) => {
    const { reports, ...row } = await store.run(id)
    return { ...viewOf(row), reports }
  })
}

/** The console of a run, as it was recorded. */
export async function consoleOf(run: RunView): Promise<Buffer> {
  return await readFile(run.consolePath)
}

export async function pruneHistory(
  lab: Lab,
  limits: { runs: number; bytes: number },
): Promise<Pruned> {
  return await withStore(lab, (store) => pruneRuns(lab, store, limits))
}

/** The store, with what runs have written since, and those set right whose klab was killed. */
export async function withStore<T>(lab: Lab, use: (store: Store) => Promise<T>): Promise<T> {
  await using store = await openStore(lab)
  await reapRuns(lab, store)
  return await use(store)
}

/** A run as it is shown, and nothing else of a row. */
export function viewOf({
  argv,
  machine,
  detail,
  phases,
  pid: _pid,
  kernelId: _kernelId,
  request: _request,
  outcome: _outcome,
  ...row
}: RunRow): RunView {
  // Written by us (run-record.ts).
  return {
    ...row,
    argv: JSON.parse(argv) as string[],
    machine: JSON.parse(machine) as Record<string, unknown>,
    outcome: detail === null ? null : (JSON.parse(detail) as { kind: string }),
    phases: phases === null ? {} : (JSON.parse(phases) as Record<string, number>),
  }
}

/** A stored outcome, for people. */
export function describeStored(outcome: { readonly kind: string }): string {
  // Written by us (run-record.ts).
  return describeOutcome(outcome as Outcome)
}
