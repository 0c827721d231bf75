import type { Accelerator, Vm } from '../../vm/index.ts'
import type { Daemon } from '../host-view/exports.ts'
import type { Layout } from './boot-request.ts'
import type { Boots } from './boots.ts'

/** A VM whose agent answers and whose root and shares are mounted. */
export interface Booted extends AsyncDisposable {
  readonly vm: Vm
  /** Of which the present one has the agent. */
  readonly boots: Boots
  readonly accelerator: Accelerator
  /** By how much this guest is slower than a plain one under KVM. */
  readonly slowness: number
  /** Those without which its guest comes to a standstill. */
  readonly daemons: readonly Daemon[]
  readonly copiesShares: boolean
  /** A snapshot of it can only be taken up by a VM of the same layout. */
  readonly layout: Layout
}
