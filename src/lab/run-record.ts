import { join } from 'node:path'

import type { Report } from '../crash/index.ts'
import type { Kernel } from '../kernel/index.ts'
import type { NewRun, Store } from '../store/index.ts'
import type { Lab } from './context.ts'
import type { RunRequest, RunResult } from './run.ts'

/** Opens the database of runs. Loaded when needed: the database layer takes longer to load than a VM to fork. */
export async function openStore(lab: Lab): Promise<Store> {
  const { Store } = await import('../store/index.ts')
  return await Store.open(join(lab.paths.state, 'klab.db'))
}

interface RunFacts {
  readonly id: string
  readonly runDir: string
  readonly request: RunRequest
  readonly kernel: Kernel
  readonly argv: readonly string[]
}

/** The record of one run, begun while the VM boots so that it costs no time. */
export class RunRecord {
  readonly #lab: Lab
  readonly #id: string
  readonly #row: NewRun
  #store: Promise<Store> | undefined

  constructor(lab: Lab, { id, runDir, request, kernel, argv }: RunFacts) {
    const { cpus, memory, type } = request.machine
    this.#lab = lab
    this.#id = id
    this.#row = {
      id,
      startedAt: new Date().toISOString(),
      argv: JSON.stringify(argv),
      cwd: lab.cwd,
      kernel: kernel.origin,
      kernelId: kernel.manifest?.id ?? null,
      release: kernel.release ?? null,
      machine: JSON.stringify({ cpus, memoryMiB: memory, type }),
      consolePath: join(runDir, 'console.log'),
      pid: process.pid,
    }
  }

  /** Writes the run down as one that goes on; once is enough. */
  begin(): void {
    this.#store ??= this.#insert()
    // Noticed where it is awaited.
    this.#store.catch(() => undefined)
  }

  async end(result: RunResult, reports: readonly Report[]): Promise<void> {
    await using store = await (this.#store ??= this.#insert())
    const { outcome, exitCode, phases, durationMs, peakMemoryKiB } = result
    await store.addReports(
      this.#id,
      reports.map(({ kind, title, lines }) => ({ kind, title, text: lines.join('\n') })),
    )
    await store.updateRun(this.#id, {
      endedAt: new Date().toISOString(),
      outcome: outcome.kind,
      exitCode,
      detail: JSON.stringify(outcome),
      phases: JSON.stringify(phases),
      durationMs,
      peakMemoryKiB: peakMemoryKiB ?? null,
    })
    await keepWithinLimits(this.#lab, store)
  }

  /** The run never came to a VM. */
  async abandon(reason: string): Promise<void> {
    await using store = await (this.#store ??= this.#insert())
    const outcome = { kind: 'lost', reason }
    await store.updateRun(this.#id, {
      endedAt: new Date().toISOString(),
      outcome: 'lost',
      exitCode: 125,
      detail: JSON.stringify(outcome),
    })
  }

  async #insert(): Promise<Store> {
    const store = await openStore(this.#lab)
    await store.addRun(this.#row)
    return store
  }
}

/** Old runs go in lots: a tenth above the limit, so that not every run prunes. */
async function keepWithinLimits(lab: Lab, store: Store): Promise<void> {
  const { runs, runsSize } = lab.config.limits
  if ((await store.count()) <= runs * 1.1) return
  const { pruneRuns } = await import('./prune.ts')
  await pruneRuns(lab, store, { runs, bytes: runsSize })
}
