import { KlabError } from '../base/index.ts'
import type { Phase, PhaseTimings } from './phases.ts'

/** The VM did not get as far as running the command: which phase it missed, why, and what it said last. */
export class BootFailure extends KlabError {
  readonly code = 'BOOT'
  readonly exitCode = 125
  readonly phase: Phase
  readonly reason: string
  readonly lastLines: readonly string[]
  readonly timings: PhaseTimings
  /** It runs, but nothing more came of it in the time that it had. */
  readonly isSilent: boolean

  constructor(
    phase: Phase,
    cause: string,
    lastLines: readonly string[],
    timings: PhaseTimings,
    isSilent = false,
  ) {
    super(`the VM did not boot: ${cause}`)
    this.phase = phase
    this.reason = cause
    this.lastLines = lastLines
    this.timings = timings
    this.isSilent = isSilent
  }
}
