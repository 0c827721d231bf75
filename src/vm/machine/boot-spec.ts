import type { Accelerator, Machine } from './machine.ts'

/** A host directory that the guest may mount by its tag: QEMU serves 9p itself, virtiofs has a daemon of its own. */
export type Export =
  | {
      readonly transport: '9p'
      readonly tag: string
      readonly path: string
      readonly readOnly: boolean
    }
  | { readonly transport: 'virtiofs'; readonly tag: string; readonly socket: string }

/**
 * Where guest memory is. `file`: shared with it while a template is made, private to each of its clones. `own`: nowhere else,
 * under the name that the file's would have.
 */
export type Memory =
  | { readonly kind: 'file'; readonly path: string; readonly share: boolean }
  | { readonly kind: 'own' }

/** A network card: what is behind it, as QEMU's -netdev has it but for the id, and its address. */
export interface NetCard {
  readonly backend: string
  readonly mac: string
}

/** A screen, and who shows it. */
export type Display =
  /** `session`: how the user's graphical session is found, as environment variables. */
  | { readonly kind: 'gtk' | 'sdl'; readonly session: Readonly<Record<string, string>> }
  /** At 127.0.0.1. */
  | { readonly kind: 'vnc-port'; readonly port: number }
  | { readonly kind: 'vnc' | 'spice'; readonly socket: string }

export interface BootSpec {
  readonly qemu: string
  readonly machine: Machine
  readonly accelerator: Accelerator
  readonly image: string
  /** Absent for a clone: what the kernel loads at its start is in its memory already. */
  readonly initrd?: string
  /** Kernel parameters beyond those that every boot gets. */
  readonly parameters: readonly string[]
  readonly exports: readonly Export[]
  /** Whether this QEMU and kernel have the panic device. */
  readonly pvpanic: boolean
  /** Whether this QEMU can be forbidden what it is never asked to do. */
  readonly sandbox: boolean
  /** QEMU can take the kernel's description of itself into dumps. */
  readonly vmcoreinfo: boolean
  readonly net: readonly NetCard[]
  readonly display?: Display
  /** QEMU's own choice when absent. */
  readonly memory?: Memory
  /** The VM does not boot: it waits for the state of a frozen one. */
  readonly incoming?: boolean
  /** The VM waits at its first instruction until a debugger lets it go on. */
  readonly hold?: boolean
}

/** The unix sockets of a VM, in its private directory. We listen and QEMU connects, but for the last two. */
export interface VmSockets {
  readonly console: string
  readonly agent: string
  readonly qmp: string
  readonly gdb: string
  /** A second QMP, for tools that speak it: one takes one client at a time. */
  readonly tools: string
}
