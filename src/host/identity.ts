import { readdirSync, readFileSync } from 'node:fs'

import { hasFields } from '../base/index.ts'
import { bootId } from './facts.ts'

/** A process, told from a later one that has its number: the kernel's start time is in clock ticks since the boot. */
export interface ProcessIdentity {
  readonly pid: number
  readonly startTicks: string
  readonly bootId: string
}

/** Whether a value from outside is one. */
export function isProcessIdentity(value: unknown): value is ProcessIdentity {
  return hasFields(value, { pid: 'number', startTicks: 'string', bootId: 'string' })
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

/** The processes whose command line ends with these words. */
export function processesEndingWith(words: readonly string[]): number[] {
  const end = words.map((word) => `\0${word}`).join('') + '\0'
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => commandLine(pid).endsWith(end))
    .map(Number)
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1')
  } catch {
    // It is gone.
    return ''
  }
}

/** Whether a process stands still by SIGSTOP, or under a debugger. */
export function isStopped(pid: number): boolean {
  return /^[Tt]$/.test(statOf(pid)?.[0] ?? '')
}

/** Who has started a process. Undefined if there is none of that number. */
export function parentOf(pid: number): number | undefined {
  const parent = statOf(pid)?.[1]
  return parent === undefined ? undefined : Number(parent)
}

/** Field 22 of proc_pid_stat(5). A zombie is no more. */
function startTicksOf(pid: number): string | undefined {
  const fields = statOf(pid)
  return fields?.[0] === 'Z' ? undefined : fields?.[19]
}

/** The fields of proc_pid_stat(5) from the state on, counted from the end of the name, which may hold anything. */
function statOf(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}
