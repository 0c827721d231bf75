import type { Workshop } from './builder.ts'
import type { BuildContext, BuildPlan, BuildRequest } from './plan.ts'

/** A build that goes on: what was asked for, what that came to, and where it is done. */
export interface BuildWork {
  readonly request: BuildRequest
  readonly plan: BuildPlan
  readonly context: BuildContext
  /** The build directory: objects, log, lock, and the copy of sources that cannot be used where they are. */
  readonly dir: string
}

/** Where it is made, and the variables that every make of it gets. */
export interface Shop {
  readonly workshop: Workshop
  readonly variables: readonly string[]
}
