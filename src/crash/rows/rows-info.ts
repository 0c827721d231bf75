import { inTrace, TRACE, whereOverflown, whereRcuStalled, type Row } from './rows.ts'
import { LOCKDEP_ROWS } from './rows-lockdep.ts'

/** kernel/rcu/tree_stall.h, kernel/rcu/tree_exp.h, kernel/rcu/tasks.h, kernel/hung_task.c, kernel/locking/lockdep.c, mm/slub.c */
export const INFO_ROWS: readonly Row[] = [
  ...LOCKDEP_ROWS,
  // No stack is shown: show_stalled_ipi_trace(), a CPU that does not answer.
  {
    match: /INFO: rcu_\w+ detected (?:expedited )?stalls?(?:\? \(Late IPI|, but suppressed)/,
    title: 'INFO: rcu detected stall',
    isComplete: true,
  },
  // print_other_cpu_stall(), print_cpu_stall(), synchronize_rcu_expedited_wait(), check_all_holdout_tasks()
  // check_all_holdout_tasks() shows those that hold it up.
  {
    match: /INFO: rcu_tasks\w* detected stalls on tasks/,
    title: 'INFO: rcu detected stall in {F}',
    also: ['stall in {F}'],
    search: whereOverflown,
  },
  {
    match: /INFO: rcu_\w+ (?:self-)?detected(?: expedited)? stalls?/,
    title: 'INFO: rcu detected stall in {F}',
    also: ['stall in {F}'],
    search: whereRcuStalled,
  },
  // check_hung_task()
  {
    // A task may have newlines in its name.
    match: /INFO: task [\s\S]{0,100}? blocked (?:in I\/O wait )?for more than/,
    title: 'INFO: task hung in {F}',
    also: ['hang in {F}'],
    search: { steps: [TRACE, 'frames'], pick: 'waiting' },
  },
  {
    match: /INFO: task [\s\S]{0,100}? can't die for more than/,
    title: "INFO: task can't die in {F}",
    also: ['hang in {F}'],
    search: { steps: [TRACE, 'frames'], pick: 'waiting' },
  },
  // assign_lock_key()
  {
    match: /INFO: trying to register non-static key/,
    title: 'INFO: trying to register non-static key in {F}',
    search: { ...inTrace, skip: /register_lock_class|lock_|stack_trace/ },
  },
]

/** The console ends, or was cut, behind the first word of a complaint. */
export const CUT_ROWS: readonly Row[] = [
  { match: /^(BUG|WARNING|INFO): *$/m, title: '{1}: corrupted', isDamaged: true },
]
