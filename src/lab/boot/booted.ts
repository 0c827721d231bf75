import type { Agent } from '../../guest/index.ts'
import type { Accelerator, Vm } from '../../vm/index.ts'
import type { Layout } from './boot-request.ts'

/** A VM whose agent answers and whose root and shares are mounted. */
export interface Booted extends AsyncDisposable {
  readonly vm: Vm
  readonly agent: Agent
  readonly accelerator: Accelerator
  /** By how much this guest is slower than a plain one under KVM. */
  readonly slowness: number
  readonly copiesShares: boolean
  /** A snapshot of it can only be taken up by a VM of the same layout. */
  readonly layout: Layout
}
