import { KlabError } from '../../base/index.ts'
import type { Phase, PhaseTimings } from './phases.ts'

/** What is known of a boot that failed. */
export interface BootFacts {
  /** The phase that was not reached. */
  readonly phase: Phase
  readonly reason: string
  readonly lastLines: readonly string[]
  readonly timings: PhaseTimings
  /** It runs, but nothing more came of it in the time that it had. */
  readonly isSilent: boolean
  /** How QEMU ended, where that is what kept it: `killed by SIGKILL`. */
  readonly qemuEnd?: string | undefined
}

/** The VM did not get as far as running the command: which phase it missed, why, and what it said last. */
export class BootFailure extends KlabError implements BootFacts {
  readonly code = 'BOOT'
  readonly exitCode = 125
  readonly phase: Phase
  readonly reason: string
  readonly lastLines: readonly string[]
  readonly timings: PhaseTimings
  readonly isSilent: boolean
  readonly qemuEnd: string | undefined

  constructor({ phase, reason, lastLines, timings, isSilent, qemuEnd }: BootFacts) {
    super(`the VM did not boot: ${reason}`)
    this.phase = phase
    this.reason = reason
    this.lastLines = lastLines
    this.timings = timings
    this.isSilent = isSilent
    this.qemuEnd = qemuEnd
  }
}
