import { BUG_FAULT_ROWS } from './rows-fault.ts'
import { HELD_LOCK_ROWS } from './rows-lockdep.ts'
import { SANITIZER_ROWS } from './rows-sanitizers.ts'
import { inTrace, TRACE, whereOverflown, whereStalled, type Row } from './rows.ts'

/** kernel/locking/spinlock_debug.c: spin_bug(), rwlock_bug(); kernel/locking/lockdep.c */
const LOCKS: readonly Row[] = [
  ...HELD_LOCK_ROWS,
  {
    match:
      /BUG: (spinlock|rwlock) (lockup suspected|already unlocked|recursion|bad magic|wrong owner|wrong CPU|cpu recursion|trylock failure on UP)/,
    title: 'BUG: {1} {2} in {F}',
    search: { ...inTrace, skip: /spin_|^do_raw_|rwlock|_lock_bug|^rt_spin/ },
  },
  // print_lock_invalid_wait_context()
  { match: /BUG: Invalid wait context/, title: 'WARNING: locking bug in {F}', search: inTrace },
  // print_lockdep_off()
  { match: /BUG: (MAX_\w+ too low!?)/, title: 'BUG: {1}', isComplete: true },
  // look_up_lock_class(): most often what is no number at all.
  {
    match: /BUG: looking up invalid subclass: \d{6,}/,
    title: 'BUG: looking up invalid subclass: ADDR',
  },
  {
    match: /BUG: looking up invalid subclass: (\d+)/,
    title: 'BUG: looking up invalid subclass: {1}',
  },
  // lockdep_init_map_type()
  {
    match: /BUG: key \S+ (?:has not been registered|not in \.data)!/,
    title: 'BUG: key has not been registered in {F}',
    search: { ...inTrace, skip: /lockdep_init_map/ },
  },
]

/** kernel/sched/core.c, lib/smp_processor_id.c, kernel/watchdog.c, kernel/workqueue.c */
const SCHEDULING: readonly Row[] = [
  // watchdog_timer_fn()
  {
    match: /BUG: soft lockup/,
    title: 'BUG: soft lockup in {F}',
    also: ['stall in {F}'],
    search: whereStalled,
  },
  // __might_resched() (___might_sleep() before v5.17)
  {
    match: /BUG: sleeping function called from invalid context/,
    title: 'BUG: sleeping function called from invalid context in {F}',
    search: inTrace,
  },
  // __schedule_bug(), schedule_debug()
  {
    match: /BUG: (scheduling while atomic|scheduling in a non-blocking section)/,
    title: 'BUG: {1} in {F}',
    search: inTrace,
  },
  // __cant_sleep(), __cant_migrate()
  {
    match: /BUG: assuming (atomic|non migratable) context/,
    title: 'BUG: assuming {1} context in {F}',
    search: inTrace,
  },
  // check_preemption_disabled()
  {
    match: /BUG: using ([a-z_]+\(\)) in preemptible/,
    title: 'BUG: using {1} in preemptible code in {F}',
    search: inTrace,
  },
  // process_one_work(): since v6.9 it is one sentence with the name of the worker.
  {
    match: /(BUG: workqueue leaked atomic, lock or RCU: .*)/,
    title: '{1}',
    isComplete: true,
  },
  {
    match: /BUG: workqueue leaked (?:lock|atomic)/,
    title: 'BUG: workqueue leaked lock or atomic in {F}',
    search: { steps: [/last function: ([A-Za-z_]\w*)/], otherwise: [TRACE, 'frames'] },
    isComplete: true,
  },
  // wq_watchdog_timer_fn()
  { match: /BUG: workqueue lockup/, title: 'BUG: workqueue lockup', isComplete: true },
  // arch/x86/kernel/traps.c: handle_stack_overflow()
  {
    match: /BUG: (?:\w+ )?stack guard page was hit/,
    title: 'BUG: stack guard page was hit in {F}',
    also: ['stack-overflow in {F}'],
    search: whereOverflown,
  },
]

/** mm/page_alloc.c, mm/memory.c, mm/filemap.c, mm/mempool.c, kernel/fork.c, fs/dcache.c */
const MEMORY: readonly Row[] = [
  // bad_page(): who allocated it is to blame, and known with page_owner=on.
  {
    match: /BUG: Bad page state in/,
    body: /BUG: Bad page state in.*\n(?:.*\n){0,20}?page last allocated via/,
    title: 'BUG: Bad page state in {F}',
    search: { steps: [/page last allocated via/, 'frames'] },
  },
  { match: /BUG: Bad page state/, title: 'BUG: Bad page state' },
  // print_bad_pte(), print_bad_page_map()
  { match: /BUG: Bad page map/, title: 'BUG: Bad page map' },
  // filemap_unaccount_folio()
  {
    match: /BUG: Bad page cache/,
    title: 'BUG: Bad page cache in {F}',
    search: { ...inTrace, skip: /filemap_|page_cache_delete|replace_page_cache/ },
  },
  // poison_error()
  {
    match: /BUG: mempool element poison mismatch/,
    title: 'BUG: mempool element poison mismatch in {F}',
    search: {
      ...inTrace,
      skip: /^(?:mempool_|poison_error|check_element|__check_element|remove_element)/,
    },
  },
  // check_mm()
  { match: /BUG: Bad rss-counter state/, title: 'BUG: Bad rss-counter state', isComplete: true },
  {
    match: /BUG: non-zero (pgtables_bytes on freeing mm: -?\d+)/,
    title: 'BUG: non-zero {1}',
    isComplete: true,
  },
  // Before v4.15.
  {
    match: /BUG: non-zero (nr_ptes|nr_pmds) on freeing mm/,
    title: 'BUG: non-zero {1} on freeing mm',
    isComplete: true,
  },
  // umount_check()
  {
    match: /BUG: Dentry .*still in use \(-?\d+\) +\[(\w+) of (.*)\]/,
    title: 'BUG: Dentry still in use in {1}',
    also: ['BUG: Dentry still in use [{1} of {2}]'],
    isComplete: true,
  },
]

/** mm/slub.c: slab_bug(), slab_err(), object_err(); mm/slab.c before v6.8 */
const SLAB: readonly Row[] = [
  {
    match: /BUG [^\n(]{1,80}(?:\([^)\n]{0,80}\))? ?\((?:Tainted|Not tainted)[^)\n]{0,80}\): (.*)/,
    title: 'BUG: {1}',
  },
  // __slab_error()
  {
    match: /slab error in \w+\(\): cache/,
    title: 'BUG: slab error in {F}',
    search: { ...inTrace, skip: /slab|cache_|kmem|kfree|kmalloc/ },
  },
  // check_poison_obj()
  {
    match: /[sS]lab corruption(?: \(.*?\))?: (\S+)/,
    title: 'BUG: slab corruption in {1}',
    isComplete: true,
  },
]

/** include/linux/maple_tree.h: MT_BUG_ON(), MAS_BUG_ON() */
const ASSERTIONS: readonly Row[] = [
  {
    match: /^BUG at \S+:\d+ \(\d+\)/,
    title: 'kernel BUG in {F}',
    search: { ...inTrace, skip: /^m(?:t|as|tree)_/ },
  },
]

/** kernel/watchdog.c: watchdog_hardlockup_check(), arch/powerpc/kernel/watchdog.c */
const HARD_LOCKUP: readonly Row[] = [
  {
    match: /[Hh]ard LOCKUP/,
    title: 'BUG: hard lockup in {F}',
    also: ['stall in {F}'],
    search: whereStalled,
  },
]

/** What says BUG without a colon, or not at all. */
export const NEARLY_BUG_ROWS: readonly Row[] = [...SLAB, ...ASSERTIONS, ...HARD_LOCKUP]

export const BUG_ROWS: readonly Row[] = [
  ...SANITIZER_ROWS,
  ...BUG_FAULT_ROWS,
  ...LOCKS,
  ...SCHEDULING,
  ...MEMORY,
]
