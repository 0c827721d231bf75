import { readFileSync } from 'node:fs'

import { bootId } from './facts.ts'

/** A process, told from a later one that has its number: the kernel's start time is in clock ticks since the boot. */
export interface ProcessIdentity {
  readonly pid: number
  readonly startTicks: string
  readonly bootId: string
}

/** Who a process is now. Undefined if there is none of that number. */
export function processIdentity(pid: number): ProcessIdentity | undefined {
  const startTicks = startTicksOf(pid)
  return startTicks === undefined ? undefined : { pid, startTicks, bootId: bootId() }
}

/** Whether a process still lives. */
export function isAlive({ pid, startTicks, bootId: boot }: ProcessIdentity): boolean {
  return boot === bootId() && startTicksOf(pid) === startTicks
}

/** Field 22 of proc_pid_stat(5), counted from the end of the name, which may hold anything. A zombie is no more. */
function startTicksOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? undefined : fields[19]
  } catch {
    return undefined
  }
}
