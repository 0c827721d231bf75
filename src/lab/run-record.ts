import { join } from 'node:path'

import type { FoundReport } from '../crash/index.ts'
import type { Kernel } from '../kernel/index.ts'
import type { NewRun, Store } from '../store/index.ts'
import type { PhaseTimings } from '../vm/index.ts'
import type { MachineConfig } from './config/schema.ts'
import type { Lab } from './context.ts'
import { takeInEntries, waitingEntries, writeEntry } from './journal.ts'
import type { Outcome } from './outcome.ts'

/** Opens the database of runs, with all that runs have written down since. */
export async function openStore(lab: Lab): Promise<Store> {
  // Loaded when needed: a run does without.
  const { Store } = await import('../store/index.ts')
  const store = await Store.open(join(lab.paths.state, 'klab.db'))
  await takeInEntries(lab, store)
  return store
}

interface RunFacts {
  readonly id: string
  readonly runDir: string
  readonly machine: MachineConfig
  readonly kernel: Kernel
  readonly argv: readonly string[]
}

/** How a run ended, as far as it is recorded. */
interface RunEnd {
  readonly outcome: Outcome
  readonly exitCode: number
  readonly phases: PhaseTimings
  readonly durationMs: number
  readonly peakMemoryKiB?: number | undefined
}

/** Every so many runs, one of them puts the history in order. */
const TIDY_EVERY = 100

/** The record of one run. */
export class RunRecord {
  readonly #lab: Lab
  readonly #row: NewRun

  constructor(lab: Lab, { id, runDir, machine, kernel, argv }: RunFacts) {
    const { cpus, memory, type } = machine
    this.#lab = lab
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

  /** Writes the run down as one that goes on. */
  begin(): void {
    writeEntry(this.#lab, { run: this.#row, reports: [] })
  }

  async end(result: RunEnd, reports: readonly FoundReport[]): Promise<void> {
    const { outcome, exitCode, phases, durationMs, peakMemoryKiB } = result
    writeEntry(this.#lab, {
      run: {
        ...this.#row,
        endedAt: new Date().toISOString(),
        outcome: outcome.kind,
        exitCode,
        detail: JSON.stringify(outcome),
        phases: JSON.stringify(phases),
        durationMs,
        peakMemoryKiB: peakMemoryKiB ?? null,
      },
      reports: reports.map((report) => ({
        kind: report.kind ?? 'OTHER',
        title: report.title,
        text: report.text,
        fingerprint: report.fingerprint,
        function: report.function ?? null,
      })),
    })
    if (waitingEntries(this.#lab) >= TIDY_EVERY) await tidy(this.#lab)
  }

  /** The run never came to a VM. */
  abandon(reason: string): void {
    writeEntry(this.#lab, {
      run: {
        ...this.#row,
        endedAt: new Date().toISOString(),
        outcome: 'lost',
        exitCode: 125,
        detail: JSON.stringify({ kind: 'lost', reason }),
      },
      reports: [],
    })
  }
}

/** Takes the records in, and removes the oldest runs above the limits. */
async function tidy(lab: Lab): Promise<void> {
  const { runs, runsSize } = lab.config.limits
  await using store = await openStore(lab)
  if ((await store.count()) <= runs) return
  const { pruneRuns } = await import('./prune.ts')
  await pruneRuns(lab, store, { runs, bytes: runsSize })
}
