import type { Machine } from '../../vm/index.ts'
import type { Config } from '../config/schema.ts'
import type { KernelChoice } from './kernel-choice.ts'
import type { NetRequest } from './net-request.ts'
import type { Share } from './shares.ts'

type MachineConfig = Config['machine']

/** The hardware that is asked for. */
export interface MachineSpec extends Omit<Machine, 'type'> {
  readonly accel: MachineConfig['accel']
  readonly type: MachineConfig['type']
  readonly display: MachineConfig['display']
  /** Kernel parameters beyond those that every boot gets. */
  readonly parameters: readonly string[]
}

/** How host directories reach the guest. */
export type Transport = MachineConfig['transport']

/** What `/` is in the guest: a copy-on-write view of this machine, or nothing but the initramfs. */
export type Root = { readonly kind: 'host' } | { readonly kind: 'none' }

/** How a VM comes to run: cloned from a template where there can be one, booted, or held at its first instruction for a debugger. */
export type Start = 'clone' | 'boot' | 'held'

/** What is asked for of a VM, as data: it can be written down, sent elsewhere, and asked for again. */
export interface VmSpec {
  readonly kernel: KernelChoice
  readonly machine: MachineSpec
  readonly root: Root
  readonly shares: readonly Share[]
  readonly shareFallback: MachineConfig['shareFallback']
  readonly transport: Transport
  /** One card each. */
  readonly networks: readonly NetRequest[]
  readonly start: Start
  /** From the start of QEMU to the start of the command; multiplied when emulating. */
  readonly bootTimeoutMs: number
}
