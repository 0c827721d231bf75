import type { Agent } from '../../guest/index.ts'
import type { Kernel } from '../../kernel/index.ts'
import type { ConsoleReader, Vm } from '../../vm/index.ts'
import type { OnEvent } from '../outcome/events.ts'
import type { VmSpec } from '../spec/vm-spec.ts'

/** Which devices and memory a VM was given: those of a template, or those it needs. */
export type Layout = 'template' | 'plain'

/** A VM as it was at a moment, memory and all. */
export interface Snapshot {
  readonly dir: string
  readonly layout: Layout
}

/** A VM that is to come up. */
export interface BootRequest {
  /** Of its run. */
  readonly id: string
  readonly vm: VmSpec
  readonly kernel: Kernel
  readonly runDir: string
  /** The guest's host name. */
  readonly hostname: string
  /** It is not for one command alone. */
  readonly stays?: boolean
  /** With the VMs beside it, it has more virtual CPUs than this machine has. */
  readonly crowded?: boolean
  /** Go on from it instead of booting. */
  readonly snapshot?: Snapshot
  /** Another PID 1 than klab's agent, for trying what happens without one. */
  readonly agentPath?: string
}

/** Who is told while a VM comes up, and afterwards of its panic. */
export interface BootHooks {
  readonly onEvent: OnEvent
  /** Aborted when nobody wants the VM any more. */
  readonly stop: AbortSignal
  /** Who reads the console, from its first line. */
  readonly consoleReaders: readonly ConsoleReader[]
  /** A boot has come to a standstill. Once settled its kernel is asked where it is: what it says from then on it is made to say. */
  readonly onSilence: (vm: Vm) => Promise<void>
  /** The guest has panicked and stands still; `stay` leaves it so. */
  readonly onPanic: (vm: Vm) => Promise<'go on' | 'stay'>
  /** The machine of a guest that was up was reset, and that was nobody's order. */
  readonly onReset: () => void
  /** QEMU was started so. */
  readonly onQemu: (argv: readonly string[]) => void
  /**
   * Called when the guest was asked for its root and its shares: what it is asked for now, it does right after, and refuses if
   * one of them failed. A new agent if a template was no good; never when shares have to be copied in first.
   */
  readonly onEntering?: (agent: Agent) => void
}
