import {
  inTrace,
  TAKEN_AT,
  TRACE,
  whereReleased,
  whereTaken,
  type Row,
  type Search,
} from './rows.ts'

/** The lock that is wanted; where that tells nothing, the one that is held. */
const lockTaken: Search = {
  steps: [TAKEN_AT, TAKEN_AT, TRACE, 'frames'],
  skip: /^(?:process_one_work|(?:_*)flush_work|drain_workqueue|destroy_workqueue|start_flush)/,
}

/** kernel/locking/lockdep.c says WARNING:, and INFO: before v4.13; the titles are one. */
export const LOCKDEP_ROWS: readonly Row[] = [
  // print_circular_bug_header(), print_deadlock_bug(), print_irq_inversion_bug()
  {
    match:
      /(?:WARNING|INFO): (?:possible (?:circular locking|recursive locking|irq lock inversion|\w+ lock inversion))/,
    body: /(?:WARNING|INFO): (?:possible .*)\n(?:.*\n){1,20}?.* (?:is )?(?:trying to acquire|just changed the state of|trying to release)(?: lock)?[\s\S]*? at: /,
    title: 'possible deadlock in {F}',
    search: lockTaken,
  },
  // print_bad_irq_dependency()
  {
    match: /(?:WARNING|INFO): .*-safe -> .*-unsafe lock order detected/,
    body: /-safe -> .*\n(?:.*\n){1,20}?.*trying to acquire[\s\S]*? at: /,
    title: 'possible deadlock in {F}',
    // The interrupt that would take it again tells more than who holds it.
    search: {
      steps: [/which became .*-safe at:/, 'frames'],
      otherwise: [TAKEN_AT, TRACE, 'frames'],
    },
  },
  // print_usage_bug()
  {
    match: /(?:WARNING|INFO): inconsistent lock state/,
    body: /(?:WARNING|INFO): inconsistent lock state[\s\S]*? takes:[\s\S]*? at: /,
    title: 'inconsistent lock state in {F}',
    search: { steps: [/ takes:$/, TAKEN_AT], otherwise: [TRACE, 'frames'] },
  },
  // lockdep_rcu_suspicious()
  {
    match: /(WARNING|INFO): suspicious RCU usage/,
    body: /(WARNING|INFO): suspicious RCU usage[\s\S]*?\n.*?\.[ch]:\d+ /,
    title: '{1}: suspicious RCU usage in {F}',
    search: inTrace,
  },
]

/** What lockdep and RCU say of locks that are held where none may be: BUG: before v4.13, WARNING: since. */
export const HELD_LOCK_ROWS: readonly Row[] = [
  // print_unlock_imbalance_bug()
  {
    match: /(BUG|WARNING): bad unlock balance detected/,
    title: '{1}: bad unlock balance in {F}',
    search: whereReleased,
  },
  // print_lock_contention_bug()
  {
    match: /(BUG|WARNING): bad contention detected/,
    title: '{1}: bad contention in {F}',
    search: whereReleased,
  },
  // print_freed_lock_bug()
  {
    match: /(BUG|WARNING): held lock freed/,
    title: '{1}: held lock freed in {F}',
    search: whereTaken,
  },
  // lockdep_sys_exit()
  {
    match: /(BUG|WARNING): lock held when returning to user space/,
    title: '{1}: lock held when returning to user space in {F}',
    search: { steps: [TAKEN_AT] },
    isComplete: true,
  },
  // print_held_locks_bug()
  {
    match: /(BUG|WARNING): .*still has locks held/,
    title: '{1}: still has locks held in {F}',
    search: whereTaken,
  },
  // kernel/locking/rtmutex-debug.c: debug_rt_mutex_print_deadlock(), before v5.14.
  {
    match: /(?:BUG|WARNING): circular locking deadlock detected/,
    title: 'possible deadlock in {F}',
    search: { steps: [/\[current\] stackdump/, TRACE, 'frames'], skip: /rt_mutex/ },
  },
]
