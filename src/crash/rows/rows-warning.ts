import { HELD_LOCK_ROWS, LOCKDEP_ROWS } from './rows-lockdep.ts'
import { AT, inTrace, TRACE, TRAPPED, type Row, type Search } from './rows.ts'

/** The trap is a part of the trace when a panic follows: what is before it is the panic's. */
const whereWarned: Search = { steps: [TRAPPED, TRACE, 'frames'], otherwise: [TRACE, 'frames'] }

/** The frames behind the one that found it: which kind of caller went wrong, whoever warned. */
const behind = (skip: RegExp): Search => ({ steps: [TRACE, 'frames'], skip })

/** arch/x86/kernel/unwind_frame.c, arch/x86/kernel/unwind_orc.c, arch/loongarch/kernel/unwind_orc.c */
const UNWINDER: readonly Row[] = [
  {
    match: /WARNING: kernel stack regs at [0-9a-f]+ .*has bad ('\w+') value/,
    title: 'WARNING: kernel stack regs has bad {1} value',
    isComplete: true,
  },
  // Since v4.15, which hides addresses: "at (ptrval)".
  {
    match: /WARNING: (kernel stack regs|kernel stack frame pointer) .*has bad (?:'\w+' )?value/,
    title: 'WARNING: {1} has bad value',
    isComplete: true,
  },
  {
    match: new RegExp(
      `WARNING: (can't access (?:iret )?registers at|stack going in the wrong direction\\? at|missing \\w+ value at|unknown [\\w .]+?(?: \\d+)? (?:at|for ip)) ${AT}`,
    ),
    title: 'WARNING: {1} {2}',
    isComplete: true,
  },
]

export const WARNING_ROWS: readonly Row[] = [
  ...LOCKDEP_ROWS,
  ...HELD_LOCK_ROWS,
  // kernel/locking/lockdep.c: print_lock_nested_lock_not_held()
  {
    match: /WARNING: [Nn]ested lock was not taken/,
    title: 'WARNING: nested lock was not taken in {F}',
    search: inTrace,
  },
  // kernel/locking/lockdep.c: print_collision()
  { match: /WARNING: (chain_key collision)/, title: 'WARNING: {1}' },
  ...UNWINDER,
  {
    // refcount_warn_saturate(); kernel/panic.c: refcount_error_report() of v4.14 to v5.4.
    match: /WARNING:.* (?:lib\/refcount\.c|refcount_error_report)/,
    title: 'WARNING: refcount bug in {F}',
    search: behind(
      /refcount|kobject_|^klist_|__vma_refcount|fixup_exception|^do_trap|do_error_trap/,
    ),
  },
  // debug_print_object()
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
  // usercopy_warn(), v4.16 to v5.14
  {
    match: /WARNING:.* mm\/usercopy\.c.* usercopy_warn/,
    title: 'WARNING: bad usercopy in {F}',
    search: behind(/usercopy|__check_(?:heap_)?object|check_object_size/),
  },
  // kmalloc_slab() until v6.0; mm/util.c, mm/slub.c: __kvmalloc_node_noprof(): more was asked for than can be had.
  {
    match: /WARNING:.* mm\/(?:util|slub|slab|slab_common)\.c.* _{0,3}kv?malloc\w*\+/,
    title: 'WARNING: kmalloc bug in {F}',
    search: behind(/kmalloc|krealloc|slab|kmem/),
  },
  {
    match: /WARNING:.* mm\/vmalloc\.c.* __vmalloc_node\w*/,
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
