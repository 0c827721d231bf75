import {
  inTrace,
  TAKEN_AT,
  TRACE,
  TRAPPED,
  whereReleased,
  whereTaken,
  type Row,
  type Search,
} from './rows.ts'

/** The trap is a part of the trace when a panic follows: what is before it is the panic's. */
const whereWarned: Search = { steps: [TRAPPED, TRACE, 'frames'], otherwise: [TRACE, 'frames'] }

/** The frames behind the one that found it: which kind of caller went wrong, whoever warned. */
const behind = (skip: RegExp): Search => ({ steps: [TRACE, 'frames'], skip })

/** The lock that is wanted; where that tells nothing, the one that is held. */
const lockTaken: Search = {
  steps: [TAKEN_AT, TAKEN_AT, TRACE, 'frames'],
  skip: /^(?:process_one_work|(?:_*)flush_work|drain_workqueue|destroy_workqueue|start_flush)/,
}

/** kernel/locking/lockdep.c says WARNING:, and INFO: before v4.13; the titles are one. */
export const LOCKDEP_ROWS: readonly Row[] = [
  {
    match:
      /(?:WARNING|INFO): (?:possible (?:circular locking|recursive locking|irq lock inversion|\w+ lock inversion))/,
    body: /(?:WARNING|INFO): (?:possible .*)\n(?:.*\n){1,20}?.* (?:is )?(?:trying to acquire|just changed the state of|trying to release)(?: lock)?[\s\S]*? at: /,
    title: 'possible deadlock in {F}',
    search: lockTaken,
  },
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
  {
    match: /(?:WARNING|INFO): inconsistent lock state/,
    body: /(?:WARNING|INFO): inconsistent lock state[\s\S]*? takes:[\s\S]*? at: /,
    title: 'inconsistent lock state in {F}',
    search: { steps: [/ takes:$/, TAKEN_AT], otherwise: [TRACE, 'frames'] },
  },
  {
    match: /(WARNING|INFO): suspicious RCU usage/,
    body: /(WARNING|INFO): suspicious RCU usage[\s\S]*?\n.*?\.[ch]:\d+ /,
    title: '{1}: suspicious RCU usage in {F}',
    search: inTrace,
  },
]

export const WARNING_ROWS: readonly Row[] = [
  ...LOCKDEP_ROWS,
  {
    match: /WARNING: bad unlock balance detected/,
    title: 'WARNING: bad unlock balance in {F}',
    search: whereReleased,
  },
  {
    match: /WARNING: held lock freed/,
    title: 'WARNING: held lock freed in {F}',
    search: whereTaken,
  },
  {
    match: /WARNING: lock held when returning to user space/,
    title: 'WARNING: lock held when returning to user space in {F}',
    search: { steps: [TAKEN_AT] },
    isComplete: true,
  },
  {
    match: /WARNING: .*still has locks held/,
    title: 'WARNING: still has locks held in {F}',
    search: whereTaken,
  },
  {
    match: /WARNING: Nested lock was not taken/,
    title: 'WARNING: Nested lock was not taken in {F}',
    search: inTrace,
  },
  {
    match: /WARNING: (kernel stack regs|kernel stack frame pointer) .*has bad ('?\w*'? ?)value/,
    title: 'WARNING: {1} has bad {2}value',
    isComplete: true,
  },
  {
    match: /WARNING:.* lib\/refcount\.c/,
    title: 'WARNING: refcount bug in {F}',
    search: behind(/refcount|kobject_|^klist_|__vma_refcount/),
  },
  {
    match: /WARNING:.* lib\/debugobjects\.c/,
    title: 'WARNING: ODEBUG bug in {F}',
    search: behind(
      /debug_print_object|debug_check_no_obj|debug_object|init_timer_key|call_rcu|slab_free|kfree/,
    ),
  },
  {
    match: /WARNING:.* kernel\/locking\/lockdep\.c/,
    title: 'WARNING: locking bug in {F}',
    search: behind(/lockdep|register_lock_class|look_up_lock_class|lock_/),
  },
  {
    match: /WARNING:.* lib\/kobject\.c/,
    title: 'WARNING: kobject bug in {F}',
    search: behind(/kobject_/),
  },
  {
    match: /WARNING:.* fs\/proc\/generic\.c.* proc_register/,
    title: 'WARNING: proc registration bug in {F}',
    search: behind(/proc_(?:register|create|mkdir)/),
  },
  {
    match: /WARNING:.* mm\/slab_common\.c.* kmalloc_slab/,
    title: 'WARNING: kmalloc bug in {F}',
    search: behind(/kmalloc|krealloc|slab|kmem/),
  },
  {
    match: /WARNING:.* mm\/vmalloc\.c.* __vmalloc_node_range/,
    title: 'WARNING: zero-size vmalloc in {F}',
    search: behind(/vmalloc|vzalloc|kvmalloc/),
  },
  {
    match: /WARNING:.* usb_submit_urb/,
    title: 'WARNING in {F}/usb_submit_urb',
    search: behind(
      /usb_submit_urb|usb_start_wait_urb|usb_bulk_msg|usb_interrupt_msg|usb_control_msg/,
    ),
  },
  { match: /WARNING:.* at /, title: 'WARNING in {F}', search: whereWarned },
]
