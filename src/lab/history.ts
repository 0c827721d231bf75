import { readFile } from 'node:fs/promises'

import { InfraError } from '../base/index.ts'
import { KernelStore } from '../kernel/index.ts'
import type { RunFilter, RunRow, Store, StoredReport } from '../store/index.ts'
import type { Lab } from './context.ts'
import { reapRuns } from './live-runs.ts'
import { cleanKernels, pruneRuns, type Pruned } from './prune.ts'
import { describeOutcome, type Outcome } from './outcome.ts'
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

/** Removes kernels and build directories until they fit; `keep` is a kernel that is about to be used. */
export async function cleanCache(lab: Lab, limitBytes: number, keep?: string): Promise<Pruned> {
  return await withStore(lab, (store) => cleanKernels(lab, store, limitBytes, keep))
}

/** Removes one kernel. Throws InfraError when a run uses it. */
export async function removeKernel(lab: Lab, id: string): Promise<void> {
  await withStore(lab, async (store) => {
    const user = (await store.unfinished()).find(({ kernelId }) => kernelId === id)
    if (user) throw new InfraError('KERNEL', `kernel ${id} is in use by run ${user.id}`)
    await new KernelStore(lab.paths.cache).remove(id)
  })
}

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

/** The kernels of the cache. */
export function kernelStore(lab: Lab): KernelStore {
  return new KernelStore(lab.paths.cache)
}

/** A stored outcome, for people. */
export function describeStored(outcome: { readonly kind: string }): string {
  // Written by us (run-record.ts).
  return describeOutcome(outcome as Outcome)
}
