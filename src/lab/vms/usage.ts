import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

import type { Paths } from '../session/paths.ts'
import type { NamedVm } from './registry.ts'

/** What a running VM takes of this machine. */
export interface VmUsage {
  /** CPU time of QEMU since its start, in ms. */
  readonly cpuMs: number
  /** Memory that is this VM's alone: pages shared with its template do not count. */
  readonly memoryKiB: number
  /** What it has written to disk here: the console. */
  readonly diskBytes: number
}

/** USER_HZ, which Linux fixes for user space on all machines that klab runs on. */
const TICKS_PER_SECOND = 100

/** Undefined when the VM does not run. */
export function usageOf(paths: Paths, vm: NamedVm): VmUsage | undefined {
  if (vm.state === 'stopped' || !vm.qemu) return undefined
  try {
    const proc = `/proc/${vm.qemu.pid}`
    const stat = readFileSync(join(proc, 'stat'), 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const ticks = Number(fields[11]) + Number(fields[12])
    const status = readFileSync(join(proc, 'status'), 'latin1')
    const kib = (name: string) =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0)
    return {
      cpuMs: (ticks * 1000) / TICKS_PER_SECOND,
      memoryKiB: kib('RssAnon') + kib('RssShmem'),
      diskBytes: sizeOf(join(paths.state, 'runs', vm.runId, 'console.log')),
    }
  } catch {
    // It ended meanwhile.
    return undefined
  }
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size
  } catch {
    return 0
  }
}
