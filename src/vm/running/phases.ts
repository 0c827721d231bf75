/** The way of a boot, and of a clone of a VM that has booted, in order. */
export const PHASES = [
  'process',
  'console',
  'kernel',
  'restore',
  'agent',
  'root',
  'command',
] as const

export type Phase = (typeof PHASES)[number]

/** The phases that do not occur on each way. */
export const LEFT_OUT = {
  boot: ['restore'],
  clone: ['console', 'kernel'],
  // The new kernel may have spoken before it is noticed.
  kexec: ['console', 'kernel', 'restore'],
} as const satisfies Record<string, readonly Phase[]>

/** What has to happen for a phase to be reached, for people. */
export const PHASE_GOALS = {
  process: 'QEMU to start',
  console: 'the first byte on the console',
  kernel: 'the kernel to say its version',
  restore: 'QEMU to take over the state of the template',
  agent: 'the guest agent to connect',
  root: 'the guest to mount its root and shares',
  command: 'the command to start',
} as const satisfies Record<Phase, string>

/** How long each phase may take with KVM, in ms. The deadline of a boot is the user's; these find the culprit sooner. */
export const PHASE_LIMITS_MS = {
  process: 5_000,
  console: 2_000,
  kernel: 2_000,
  restore: 2_000,
  agent: 15_000,
  root: 10_000,
  command: 10_000,
} as const satisfies Record<Phase, number>

/** Milliseconds from the start of the boot to each phase that was reached. */
export type PhaseTimings = Partial<Record<Phase, number>>

/** The stopwatch of one boot or clone. */
export class PhaseClock {
  readonly #start = performance.now()
  #excusedMs = 0
  readonly #timings: PhaseTimings = {}
  readonly #way: readonly Phase[]
  readonly #onReach: (phase: Phase, ms: number) => void

  constructor(way: keyof typeof LEFT_OUT, onReach: (phase: Phase, ms: number) => void) {
    const leftOut: readonly Phase[] = LEFT_OUT[way]
    this.#way = PHASES.filter((phase) => !leftOut.includes(phase))
    this.#onReach = onReach
  }

  /** Notes that a phase is reached; the first time counts. */
  reach(phase: Phase): void {
    if (this.#timings[phase] !== undefined || !this.#way.includes(phase)) return
    const ms = Math.round(performance.now() - this.#start)
    this.#timings[phase] = ms
    this.#onReach(phase, ms)
  }

  /** Time that passed and counts against no limit. */
  excuse(ms: number): void {
    this.#excusedMs += ms
  }

  /** The stopwatch of the next boot of the same VM. */
  again(way: keyof typeof LEFT_OUT): PhaseClock {
    const clock = new PhaseClock(way, this.#onReach)
    clock.reach('process')
    return clock
  }

  get timings(): PhaseTimings {
    return { ...this.#timings }
  }

  /** As limits see it. */
  get elapsedMs(): number {
    return performance.now() - this.#start - this.#excusedMs
  }

  /** The first phase not reached yet, or the last one. */
  get next(): Phase {
    return this.#way.find((phase) => this.#timings[phase] === undefined) ?? 'command'
  }
}
