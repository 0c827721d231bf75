import type { WaitingTask } from '../../crash/index.ts'

/** What a VM that hangs was made to say. */
export interface Hang {
  /** What was done, in its order, and what came of it. */
  readonly steps: readonly string[]
  /** Where each virtual CPU was. */
  readonly cpus: readonly CpuPlace[]
  /** Who waits for what. */
  readonly tasks: readonly WaitingTask[]
}

/** Where a virtual CPU was. */
export interface CpuPlace {
  readonly cpu: number
  readonly at: string
}
