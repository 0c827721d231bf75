import { findBlamed } from './blame.ts'
import { readTornLine } from './console-line.ts'
import { TRACE } from './rows.ts'

/** A task that waits for something (sched_show_task() of kernel/sched/core.c). */
export interface WaitingTask {
  readonly command: string
  readonly pid: number
  /** `D` uninterruptible, `S` interruptible … */
  readonly state: string
  /** The function that waits; undefined when its trace tells none. */
  readonly function: string | undefined
}

/** `task:name state:D stack:…  pid:…` since v5.10; before it `name D address size pid …`. */
const TASK = /^task:(\S+)\s+state:(\w)\s.*?pid:\s*(\d+)/

/** The tasks that a SysRq (w: blocked tasks) shows, from lines of a console. */
export function waitingTasks(raw: readonly string[]): WaitingTask[] {
  const lines = raw.map((line) => readTornLine(line).text)
  const starts = lines.flatMap((line, index) => (TASK.test(line) ? [index] : []))
  return starts.flatMap((start, index) => {
    const [, command = '', state = '', pid] = TASK.exec(lines[start] ?? '') ?? []
    const trace = lines.slice(start, starts[index + 1])
    const waits = findBlamed(trace, { steps: [TRACE, 'frames'], pick: 'waiting' })
    return [{ command, state, pid: Number(pid), function: waits?.name }]
  })
}
