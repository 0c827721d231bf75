import { PLAIN } from '../../vm/index.ts'
import type { MachineConfig } from '../config/schema.ts'
import type { KernelChoice } from './kernel-choice.ts'
import { parseNet } from './net-request.ts'
import { parseShare } from './shares.ts'
import type { Limits } from './run-request.ts'
import type { Start, VmSpec } from './vm-spec.ts'

/** The VM that a machine of the configuration is, with a kernel. Throws UsageError for shares and networks that cannot be. */
export function vmSpecOf(
  machine: MachineConfig,
  { kernel, start, cwd }: { kernel: KernelChoice; start: Start; cwd: string },
): VmSpec {
  const { cpus, memory, accel, type, display, parameters } = machine
  return {
    kernel,
    machine: {
      ...PLAIN,
      ...{ arch: 'x86_64', cpus, memoryMiB: memory, accel, type, display, parameters },
    },
    root: { kind: machine.root },
    shares: machine.shares.map((text) => parseShare(text, cwd)),
    shareFallback: machine.shareFallback,
    transport: machine.transport,
    networks: parseNet(machine.net, machine.publish),
    start,
    bootTimeoutMs: machine.bootTimeout,
  }
}

/** The limits that a machine of the configuration sets. */
export function limitsOf({ timeout, idleTimeout }: MachineConfig): Limits {
  return { timeoutMs: timeout, idleTimeoutMs: idleTimeout }
}
