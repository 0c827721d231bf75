/** The way of a boot, in order. */
export const PHASES = ['process', 'console', 'kernel', 'agent', 'root', 'command'] as const

export type Phase = (typeof PHASES)[number]

/** What has to happen for a phase to be reached, for people. */
export const PHASE_GOALS = {
  process: 'QEMU to start',
  console: 'the first byte on the console',
  kernel: 'the kernel to say its version',
  agent: 'the guest agent to connect',
  root: 'the guest to mount its root and shares',
  command: 'the command to start',
} as const satisfies Record<Phase, string>

/** How long each phase may take with KVM, in ms. The deadline of a boot is the user's; these find the culprit sooner. */
export const PHASE_LIMITS_MS = {
  process: 5_000,
  console: 2_000,
  kernel: 2_000,
  agent: 15_000,
  root: 10_000,
  command: 10_000,
} as const satisfies Record<Phase, number>

/** Milliseconds from the start of the boot to each phase that was reached. */
export type PhaseTimings = Partial<Record<Phase, number>>

/** The stopwatch of one boot. */
export class PhaseClock {
  readonly #start = performance.now()
  readonly #timings: PhaseTimings = {}
  readonly #onReach: (phase: Phase, ms: number) => void

  constructor(onReach: (phase: Phase, ms: number) => void = () => undefined) {
    this.#onReach = onReach
  }

  /** Notes that a phase is reached; the first time counts. */
  reach(phase: Phase): void {
    if (this.#timings[phase] !== undefined) return
    const ms = Math.round(performance.now() - this.#start)
    this.#timings[phase] = ms
    this.#onReach(phase, ms)
  }

  get timings(): PhaseTimings {
    return { ...this.#timings }
  }

  get elapsedMs(): number {
    return performance.now() - this.#start
  }

  /** The first phase not reached yet, or the last one. */
  get next(): Phase {
    return PHASES.find((phase) => this.#timings[phase] === undefined) ?? 'command'
  }
}
