import { UsageError } from '../../base/index.ts'
import { DEFAULT_ARCH } from '../../kernel/index.ts'
import type { Topology } from '../../vm/index.ts'
import type { MachineConfig } from '../config/schema.ts'
import type { KernelChoice } from './kernel-choice.ts'
import { parseDisk } from './disk.ts'
import { parseNet } from './net-request.ts'
import { parseShare } from './shares.ts'
import type { Limits } from './run-request.ts'
import type { MachineSpec, Start, VmSpec } from './vm-spec.ts'

/** The VM that a machine of the configuration is, with a kernel. Throws UsageError for shares and networks that cannot be. */
export function vmSpecOf(
  machine: MachineConfig,
  { kernel, start, cwd }: { kernel: KernelChoice; start: Start; cwd: string },
): VmSpec {
  return {
    kernel,
    machine: machineSpecOf(machine, cwd),
    root: { kind: machine.root },
    shares: machine.shares.map((text) => parseShare(text, cwd)),
    shareFallback: machine.shareFallback,
    transport: machine.transport,
    networks: parseNet(machine.net, machine.publish),
    start,
    bootTimeoutMs: machine.bootTimeout,
  }
}

function machineSpecOf(machine: MachineConfig, cwd: string): MachineSpec {
  const { cpus, accel, type, display, parameters, nodes, qemuArgs } = machine
  const topology = machine.topology === null ? undefined : parseTopology(machine.topology)
  return {
    ...{ arch: DEFAULT_ARCH, cpus, memoryMiB: machine.memory, accel, type, display, parameters },
    ...(topology && { topology }),
    ...{ nodes, qemuArgs, pinned: machine.pin, reboots: machine.reboot },
    disks: machine.disks.map((text, number) => parseDisk(text, { cwd, number })),
  }
}

/** `2x4x1`: sockets, cores of each, threads of each. */
function parseTopology(text: string): Topology {
  const [, sockets, cores, threads] = /^(\d{1,3})x(\d{1,3})x(\d{1,3})$/.exec(text) ?? []
  if (threads !== undefined)
    return { sockets: Number(sockets), cores: Number(cores), threads: Number(threads) }
  throw new UsageError(`--topology ${text} is not SOCKETSxCORESxTHREADS, such as 2x2x1`)
}

/** The limits that a machine of the configuration sets. */
export function limitsOf({ timeout, idleTimeout }: MachineConfig): Limits {
  return { timeoutMs: timeout, idleTimeoutMs: idleTimeout }
}
