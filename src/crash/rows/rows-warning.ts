import { HELD_LOCK_ROWS, LOCKDEP_ROWS } from './rows-lockdep.ts'
import { inTrace, TRACE, TRAPPED, type Row, type Search } from './rows.ts'

/** The trap is a part of the trace when a panic follows: what is before it is the panic's. */
const whereWarned: Search = { steps: [TRAPPED, TRACE, 'frames'], otherwise: [TRACE, 'frames'] }

/** The frames behind the one that found it: which kind of caller went wrong, whoever warned. */
const behind = (skip: RegExp): Search => ({ steps: [TRACE, 'frames'], skip })

export const WARNING_ROWS: readonly Row[] = [
  ...LOCKDEP_ROWS,
  ...HELD_LOCK_ROWS,
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
