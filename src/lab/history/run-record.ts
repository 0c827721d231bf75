import { join } from 'node:path'

import { InfraError, messageOf } from '../../base/index.ts'
import type { FoundReport } from '../../crash/index.ts'
import type { Kernel } from '../../kernel/index.ts'
import {
  isProblem,
  openStore,
  runWriter,
  type NewRun,
  type RunWriter,
  type Store,
  type StoredReport,
} from '../../store/index.ts'
import type { PhaseTimings } from '../../vm/index.ts'
import type { Outcome } from '../outcome/outcome.ts'
import type { Lab } from '../session/context.ts'
import type { RunRequest } from '../spec/run-request.ts'
import type { MachineSpec } from '../spec/vm-spec.ts'
import { ownerNow } from './owner.ts'
import { leaveRecord, takeInRecords } from './record-files.ts'
import { keptEnv } from './kept-env.ts'
import type { KeptInput } from './run-input.ts'

/** Opens the database of runs, with what they have left as files. Throws InfraError. */
export async function openHistory(lab: Lab): Promise<Store> {
  const store = await openStore(databasePath(lab))
  try {
    takeInRecords(lab, store)
  } catch (error) {
    await store[Symbol.asyncDispose]()
    throw error
  }
  return store
}

function databasePath(lab: Lab): string {
  return join(lab.paths.state, 'klab.db')
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
  /** Told what went wrong with the record: the run goes on. */
  readonly onNote?: (message: string) => void
}

/** What is kept of a report. */
type KeptReport = Pick<
  FoundReport,
  'kind' | 'title' | 'text' | 'fingerprint' | 'function' | 'cause'
>

/** How a run ended, as far as it is recorded. */
interface RunEnd {
  readonly outcome: Outcome
  readonly exitCode: number
  readonly phases: PhaseTimings
  readonly durationMs: number
  readonly peakMemoryKiB?: number | undefined
  readonly input?: KeptInput
  /** QEMU's command line. */
  readonly qemu?: readonly string[] | undefined
}

/** What a run was asked for, as it is recorded: ready to be asked for again. */
export interface RecordedRequest {
  readonly request: RunRequest
  /** The variables that were given values, which are not kept. */
  readonly unkept: readonly string[]
  /** Known at its end. */
  readonly input?: KeptInput
}

/** Every so many runs, one of them puts the history in order. */
const TIDY_EVERY = 100

/** The record of one run. A database that cannot be written is no reason to lose a verdict: it is told, and the end kept as a file. */
export class RunRecord {
  readonly #lab: Lab
  readonly #writer: RunWriter
  readonly #row: NewRun
  readonly #request: RecordedRequest | undefined
  readonly #onNote: (message: string) => void
  /** Among all runs, where the database told. */
  #number: number | undefined

  constructor(lab: Lab, facts: RunFacts) {
    const { id, runDir, machine, kernel, lastingName, argv, request, onNote } = facts
    const { cpus, memoryMiB, type } = machine
    this.#lab = lab
    this.#writer = runWriter(databasePath(lab))
    this.#onNote = onNote ?? (() => undefined)
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
      owner: ownerNow(),
      request: this.#asked(),
    }
  }

  /** Writes the run down as one that goes on. Throws InfraError where a newer klab keeps the history. */
  begin(): void {
    try {
      this.#number = this.#writer.begin(this.#row)
    } catch (error) {
      if (isProblem(error, 'NEWER')) throw error
      // The end is written whole, and says so if it cannot. Until then others should see that it goes on.
      if (isProblem(error, 'LOCKED')) void this.#writer.beginLater(this.#row).catch(() => undefined)
    }
  }

  async end(result: RunEnd, reports: readonly KeptReport[]): Promise<void> {
    const { outcome, exitCode, phases, durationMs, peakMemoryKiB, input, qemu } = result
    const row: NewRun = {
      ...this.#row,
      ...endOf(outcome, exitCode),
      phases: JSON.stringify(phases),
      durationMs,
      peakMemoryKiB: peakMemoryKiB ?? null,
      request: this.#asked(input),
      qemu: qemu ? JSON.stringify(qemu) : null,
    }
    const stored = reports.map(storedReport)
    try {
      await this.#writer.end(row, stored)
    } catch (error) {
      this.#leave(row, stored, error)
    }
    if (this.#number !== undefined && this.#number % TIDY_EVERY === 0) await this.#tidy()
  }

  /** It was begun on a guess that was wrong: as if it had not been. */
  takeBack(): void {
    try {
      this.#writer.takeBack(this.#row.id)
    } catch (error) {
      // The next to take stock finds its owner gone.
      if (!(error instanceof InfraError)) throw error
    }
  }

  /** The run never came to a VM. */
  abandon(reason: string): void {
    const row: NewRun = { ...this.#row, ...endOf({ kind: 'lost', reason }, 125) }
    try {
      this.#writer.endNow(row, [])
    } catch (error) {
      this.#leave(row, [], error)
    }
  }

  #leave(run: NewRun, reports: readonly StoredReport[], error: unknown): void {
    if (!(error instanceof InfraError)) throw error
    try {
      const path = leaveRecord(this.#lab, { run, reports })
      this.#onNote(`${error.message}; until then the record of run ${run.id} is ${path}`)
    } catch (failure) {
      this.#onNote(`${error.message}; run ${run.id} is not in the history (${messageOf(failure)})`)
    }
  }

  /** Takes in what lies as files, and removes the oldest runs above the limits. */
  async #tidy(): Promise<void> {
    const { runs, runsSize } = this.#lab.config.limits
    try {
      await using store = await openHistory(this.#lab)
      if ((await store.count()) <= runs) return
      const { pruneRuns } = await import('./prune-runs.ts')
      await pruneRuns(this.#lab, store, { runs, bytes: runsSize })
    } catch (error) {
      // It is no part of this run.
      this.#onNote(`the oldest runs are not removed: ${messageOf(error)}`)
    }
  }

  #asked(input?: KeptInput): string | null {
    if (!this.#request) return null
    const asked: RecordedRequest = { ...this.#request, ...(input && { input }) }
    return JSON.stringify(asked)
  }
}

/** The request with the kernel that it came to, and all that the configuration had to say. Variables keep their names alone. */
function recorded(lab: Lab, request: RunRequest, kernel: string): RecordedRequest {
  const { vm, command, judge } = request
  const { env, unkept } = keptEnv([...lab.config.run.env, ...command.env])
  return {
    request: {
      vm: { ...vm, kernel: { kernel, options: [], configFiles: [] } },
      command: { ...command, cwd: command.cwd ?? lab.cwd, env },
      judge,
    },
    unkept,
  }
}

function endOf(outcome: Outcome, exitCode: number) {
  return {
    endedAt: new Date().toISOString(),
    outcome: outcome.kind,
    exitCode,
    detail: JSON.stringify(outcome),
  }
}

function storedReport(report: KeptReport): StoredReport {
  return {
    kind: report.kind ?? 'OTHER',
    title: report.title,
    text: report.text,
    fingerprint: report.fingerprint,
    function: report.function ?? null,
    cause: report.cause ?? null,
  }
}
