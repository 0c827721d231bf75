import type { Agent } from '../../guest/index.ts'
import type { Kernel } from '../../kernel/index.ts'
import type { PhaseTimings } from '../../vm/index.ts'
import type { Snapshot } from '../boot/boot-request.ts'
import type { Booted } from '../boot/booted.ts'
import type { KeptInput } from '../history/run-input.ts'
import type { OnEvent } from '../outcome/events.ts'
import type { Outcome } from '../outcome/outcome.ts'
import type { ReportLog } from '../outcome/report-log.ts'
import type { Ending } from '../outcome/verdict.ts'
import type { Lab } from '../session/context.ts'
import type { Judge, RunRequest } from '../spec/run-request.ts'
import type { VmSpec } from '../spec/vm-spec.ts'
import type { CrashDump } from './crash-dump.ts'

/** What lives: a VM with its kernel, and how it is judged. Data alone. */
export interface LifeRequest {
  /** Of its run in the history. */
  readonly id: string
  readonly vm: VmSpec
  readonly kernel: Kernel
  readonly judge: Judge
  /** The guest's host name. */
  readonly hostname: string
  /** It goes on after what a kernel complains of, until somebody ends it. */
  readonly stays: boolean
  /** It is one of many, so many at a time, and nobody waits for it in person. */
  readonly batch?: { readonly jobs: number }
  readonly snapshot?: Snapshot
  readonly agentPath?: string
  /** What it is recorded as. */
  readonly argv: readonly string[]
  /** Absent for what cannot be asked for again. */
  readonly asked?: RunRequest
}

/** A VM that is up, with all that is known of it. */
export interface Living {
  readonly lab: Lab
  readonly request: LifeRequest
  readonly runDir: string
  readonly booted: Booted
  readonly reports: ReportLog
  readonly dump: CrashDump
  readonly onEvent: OnEvent
}

/** What a VM lives for. */
export interface Purpose {
  readonly onEvent: OnEvent
  /** Aborted when it is to end now. */
  readonly stop: AbortSignal
  /** The guest was asked for its root: what it is asked for now it does right after. See BootHooks. */
  readonly onEntering?: (agent: Agent) => void
  /**
   * Settles with whether the kernel is the right one, where that is not known yet. Before it is, nothing is recorded and nothing is asked of the guest but
   * to come up; where it is not, the VM is dropped, and GuessedWrong thrown.
   */
  readonly sure?: Promise<boolean>
  /** Called when the VM is up; settles with what ends its life. */
  readonly live: (living: Living) => Promise<Ending>
  /** Keeps a VM that something is wrong with for somebody to look at, until it is to end. */
  readonly hold?: (living: Living) => Promise<void>
  /** What was kept of the command's input, at the end. */
  readonly input?: () => KeptInput
}

/** How a life went. */
export interface LifeResult {
  readonly id: string
  readonly outcome: Outcome
  readonly exitCode: number
  readonly durationMs: number
  readonly phases: PhaseTimings
  readonly peakMemoryKiB: number | undefined
  readonly consolePath: string
  readonly kernel: string
  readonly release: string | undefined
}
