import type { Arch, MachineType } from './arch.ts'
import type { Disk } from './disk.ts'

/** How the CPUs of a machine lie: their product is their number. */
export interface Topology {
  readonly sockets: number
  /** Of each socket. */
  readonly cores: number
  /** Of each core. */
  readonly threads: number
}

/** The hardware asked for. */
export interface Machine {
  readonly arch: Arch
  readonly type: MachineType
  readonly cpus: number
  readonly memoryMiB: number
  /** QEMU's choice when absent, and one socket for each node where there are several. */
  readonly topology?: Topology
  /** Nodes of memory (NUMA), among which memory and CPUs are divided evenly. */
  readonly nodes: number
  readonly disks: readonly Disk[]
  /** CPUs of the host that the virtual CPUs are bound to: the first to the first, and from the beginning again where there are fewer. */
  readonly pinned: readonly number[]
  /** The guest may reset the machine; otherwise that ends it. */
  readonly reboots: boolean
  /** For QEMU, after all others. */
  readonly qemuArgs: readonly string[]
}

/** What a machine is where nothing is asked for. */
export const PLAIN = {
  nodes: 1,
  disks: [],
  pinned: [],
  reboots: false,
  qemuArgs: [],
} as const satisfies Partial<Machine>

/** How the guest's instructions are carried out. */
export type Accelerator =
  | { readonly kind: 'kvm' }
  /** Emulated. The frequency of the host's time-stamp counter, which the guest sees; 0 when unknown. */
  | {
      readonly kind: 'tcg'
      readonly tscKHz: number
      /** All virtual CPUs take turns in one thread: there are more of them than this machine has CPUs. */
      readonly inTurns?: boolean
    }
