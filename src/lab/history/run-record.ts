import { join } from 'node:path'

import type { FoundReport } from '../../crash/index.ts'
import type { Kernel } from '../../kernel/index.ts'
import type { NewRun, Store } from '../../store/index.ts'
import type { PhaseTimings } from '../../vm/index.ts'
import type { Lab } from '../session/context.ts'
import { takeInEntries, waitingEntries, writeEntry } from './journal.ts'
import type { Outcome } from '../outcome/outcome.ts'
import type { RunRequest } from '../spec/run-request.ts'
import type { MachineSpec } from '../spec/vm-spec.ts'
import type { KeptInput } from './run-input.ts'

/** Opens the database of runs, with all that runs have written down since. */
export async function openStore(lab: Lab): Promise<Store> {
  // Loaded when needed: a run does without.
  const { Store } = await import('../../store/index.ts')
  const store = await Store.open(join(lab.paths.state, 'klab.db'))
  await takeInEntries(lab, store)
  return store
}

interface RunFacts {
  readonly id: string
  readonly runDir: string
  readonly machine: MachineSpec
  readonly kernel: Kernel
  /** How the kernel is named from anywhere, later. */
  readonly lastingName: string
  readonly argv: readonly string[]
  /** Absent for what cannot be asked for again. */
  readonly request?: RunRequest
}

/** How a run ended, as far as it is recorded. */
interface RunEnd {
  readonly outcome: Outcome
  readonly exitCode: number
  readonly phases: PhaseTimings
  readonly durationMs: number
  readonly peakMemoryKiB?: number | undefined
  readonly input?: KeptInput
  /** QEMU's command line. */
  readonly qemu?: readonly string[]
}

/** What a run was asked for, as it is recorded: ready to be asked for again. */
export interface RecordedRequest {
  readonly request: RunRequest
  /** Known at its end. */
  readonly input?: KeptInput
}

/** Every so many runs, one of them puts the history in order. */
const TIDY_EVERY = 100

/** The record of one run. */
export class RunRecord {
  readonly #lab: Lab
  readonly #row: NewRun
  readonly #request: RunRequest | undefined

  constructor(lab: Lab, { id, runDir, machine, kernel, lastingName, argv, request }: RunFacts) {
    const { cpus, memoryMiB, type } = machine
    this.#lab = lab
    this.#request = request && recorded(lab, request, lastingName)
    this.#row = {
      id,
      startedAt: new Date().toISOString(),
      argv: JSON.stringify(argv),
      cwd: lab.cwd,
      kernel: kernel.origin,
      kernelId: kernel.manifest?.id ?? null,
      release: kernel.release ?? null,
      machine: JSON.stringify({ cpus, memoryMiB, type }),
      consolePath: join(runDir, 'console.log'),
      pid: process.pid,
      request: this.#asked(),
    }
  }

  /** Writes the run down as one that goes on. */
  begin(): void {
    writeEntry(this.#lab, { run: this.#row, reports: [] })
  }

  async end(result: RunEnd, reports: readonly FoundReport[]): Promise<void> {
    const { outcome, exitCode, phases, durationMs, peakMemoryKiB, input } = result
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
        request: this.#asked(input),
      },
      reports: reports.map((report) => ({
        kind: report.kind ?? 'OTHER',
        title: report.title,
        text: report.text,
        fingerprint: report.fingerprint,
        function: report.function ?? null,
        cause: report.cause ?? null,
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

  #asked(input?: KeptInput): string | null {
    if (!this.#request) return null
    const asked: RecordedRequest = { request: this.#request, ...(input && { input }) }
    return JSON.stringify(asked)
  }
}

/** The request with the kernel that it came to, and all that the configuration had to say. Variables that are passed on keep their names alone. */
function recorded(lab: Lab, request: RunRequest, kernel: string): RunRequest {
  const { vm, command, judge } = request
  return {
    vm: { ...vm, kernel: { kernel, options: [], configFiles: [] } },
    command: {
      ...command,
      cwd: command.cwd ?? lab.cwd,
      env: [...lab.config.run.env, ...command.env],
    },
    judge,
  }
}

/** Takes the records in, and removes the oldest runs above the limits. */
async function tidy(lab: Lab): Promise<void> {
  const { runs, runsSize } = lab.config.limits
  await using store = await openStore(lab)
  if ((await store.count()) <= runs) return
  const { pruneRuns } = await import('./prune-runs.ts')
  await pruneRuns(lab, store, { runs, bytes: runsSize })
}
