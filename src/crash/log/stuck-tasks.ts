import { findBlame } from '../report/blame.ts'
import { readTornLine } from '../report/console-line.ts'
import { framesOf } from '../report/fingerprint.ts'
import { TRACE } from '../rows/rows.ts'

/** A task that waits for something (sched_show_task() of kernel/sched/core.c). */
export interface WaitingTask {
  readonly command: string
  readonly pid: number
  /** `D` uninterruptible, `S` interruptible … */
  readonly state: string
  /** The function that waits; undefined when its trace tells none. */
  readonly function: string | undefined
  /** What for, as far as the functions above tell. */
  readonly awaits: 'a lock' | 'I/O' | 'a completion' | 'a timer' | undefined
}

/** By what a task goes to sleep with; the first that fits, from the scheduler outwards. */
const AWAITED = [
  [
    /^_*(?:io_schedule|bit_wait_io|wait_on_(?:page|buffer)|folio_(?:wait|lock)|submit_bio_wait|blk_execute|rq_qos_wait|wbt_wait)/,
    'I/O',
  ],
  [
    /^_*(?:(?:ww_|rt_)?mutex_lock|rwsem_down|down(?:_read|_write|_killable|_interruptible)?$|down_(?:read|write)|rwbase_|percpu_down|rt_mutex)/,
    'a lock',
  ],
  [/^_*wait_for_(?:common|completion)/, 'a completion'],
  [/^(?:schedule_(?:hr)?timeout|msleep|do_nanosleep|usleep)/, 'a timer'],
] as const

function awaitedIn(trace: readonly string[]): WaitingTask['awaits'] {
  const names = framesOf(trace)
    .filter(({ unreliable }) => !unreliable)
    .map(({ symbol }) => symbol)
  // A lock that is waited for with a limit is a lock all the same.
  return AWAITED.find(([match]) => names.some((name) => match.test(name)))?.[1]
}

/** `task:name state:D stack:…  pid:…` since v5.10; before it `name D address size pid …`. */
const TASK = /^task:(\S+)\s+state:(\w)\s.*?pid:\s*(\d+)/

/** The tasks that a SysRq (w: blocked tasks) shows, from lines of a console. */
export function waitingTasks(raw: readonly string[]): WaitingTask[] {
  const lines = raw.map((line) => readTornLine(line).text)
  const starts = lines.flatMap((line, index) => (TASK.test(line) ? [index] : []))
  return starts.flatMap((start, index) => {
    const [, command = '', state = '', pid] = TASK.exec(lines[start] ?? '') ?? []
    // What the unwinder is not sure of may be left from a call that is over.
    const trace = lines.slice(start, starts[index + 1]).filter((line) => !/^ *\? /.test(line))
    const { blamed: waits } = findBlame(trace, { steps: [TRACE, 'frames'], pick: 'waiting' })
    const awaits = awaitedIn(trace)
    return [{ command, state, pid: Number(pid), function: waits?.name, awaits }]
  })
}
