import { Deadline, formatDuration } from '../../base/index.ts'
import { archFacts, type Arch } from '../machine/arch.ts'
import { BootFailure } from './boot-failure.ts'
import type { Console } from './console.ts'
import { diagnose } from './diagnosis.ts'
import { PHASES, PHASE_LIMITS_MS, type Phase, type PhaseClock } from './phases.ts'
import type { VmEnd } from './vm-end.ts'

const PANIC_GRACE_MS = 1_500
/** After these nothing more is to be hoped for: of a kernel, and of the one that unpacks it. */
const LAST_WORDS = /Kernel panic - not syncing|^ ?-- System halted/

/** What tells how far a boot has come, and how long it may take. */
interface BootWatch {
  readonly clock: PhaseClock
  readonly console: Console
  readonly ended: Promise<VmEnd>
  readonly qemuStderr: () => string
  readonly slowness: number
  readonly timeoutMs: number
  readonly arch: Arch
}

/** How far a boot has come; and when it comes no further, why. */
export class BootProgress {
  readonly #watch: BootWatch
  #clock: PhaseClock
  #panicked = Promise.withResolvers<'panicked'>()
  #end: VmEnd | undefined

  constructor(watch: BootWatch) {
    const { clock, console } = watch
    this.#watch = watch
    this.#clock = clock
    console.addReader({ lines: (lines) => this.#hear(lines) })
    // A first line that is not complete counts as well.
    void console.firstByte.then(() => clock.reach('console'))
    void watch.ended.then((end) => (this.#end = end))
  }

  get clock(): PhaseClock {
    return this.#clock
  }

  /** The guest boots once more: the time begins anew, and a panic of before counts no more. */
  again(way: 'boot' | 'kexec'): void {
    this.#clock = this.#clock.again(way)
    this.#panicked = Promise.withResolvers()
  }

  /**
   * Waits for what brings the boot to a phase. Throws BootFailure, with the cause, when the phase's deadline or the
   * whole boot's passes, QEMU ends, or the kernel panics first.
   */
  async reach<T>(phase: Phase, event: Promise<T>): Promise<T> {
    const limit = PHASE_LIMITS_MS[phase] * this.#watch.slowness
    const left = this.#watch.timeoutMs - this.clock.elapsedMs
    const waitMs = Math.max(0, Math.min(limit, left))
    using deadline = new Deadline(waitMs)
    const outcome = await Promise.race([
      event.then((value) => ({ value })),
      deadline.passed,
      this.#watch.ended.then(() => 'ended' as const),
      this.#panicked.promise,
    ])
    if (typeof outcome === 'object') {
      this.clock.reach(phase)
      return outcome.value
    }
    throw this.#failure(phase, { waitMs, isSilent: outcome === 'passed' })
  }

  /** The failure to reach the next phase, when the cause is known. */
  failureBecause(reason: string, phase: Phase = this.clock.next): BootFailure {
    return new BootFailure({
      ...{ phase, reason, isSilent: false },
      ...{ lastLines: this.#lastLines(), timings: this.clock.timings },
    })
  }

  /** The failure to reach a phase, diagnosed from what is known now. */
  #failure(phase: Phase, waited: { waitMs: number; isSilent: boolean }): BootFailure {
    const { next, timings } = this.clock
    // The console may have got further than what was waited for.
    const missed = PHASES.indexOf(phase) < PHASES.indexOf(next) ? phase : next
    const reason = diagnose({
      phase: missed,
      consoleLines: this.#watch.console.recentLines(64),
      qemuStderr: this.#watch.qemuStderr(),
      ...(this.#end && { qemuEnd: this.#end.reason ?? this.#end.process }),
      waited: formatDuration(waited.waitMs),
      consoleOption: archFacts(this.#watch.arch).consoleOption,
    })
    const { isSilent } = waited
    return new BootFailure({
      ...{ phase: missed, reason, isSilent, timings, qemuEnd: this.#end?.process },
      lastLines: this.#lastLines(),
    })
  }

  /** Of the guest; of QEMU where the guest never spoke. */
  #lastLines(): string[] {
    const lines = this.#watch.console.recentLines(12)
    return lines.length > 0 ? lines : this.#watch.qemuStderr().trim().split('\n').slice(-5)
  }

  #hear(lines: readonly string[]): void {
    this.clock.reach('console')
    if (lines.some((line) => line.includes('Linux version '))) this.clock.reach('kernel')
    if (!lines.some((line) => LAST_WORDS.test(line))) return
    // With panic=-1 the guest resets by itself, after its last words; one that cannot is not waited for.
    const { resolve } = this.#panicked
    setTimeout(() => resolve('panicked'), PANIC_GRACE_MS).unref()
  }
}
