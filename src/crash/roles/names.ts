import type { Role } from './rules.ts'

/**
 * Names that the sources in rules.ts do not define, as patterns against the whole of them: those of other versions and architectures, what
 * macros and compilers make (`__asan_load8`, `perf_trace_foo`, `__x86_indirect_thunk_rax`), assembler.
 */
const NAMES: Readonly<Record<Role, string>> = {
  /** Checked first: what looks like machinery, and calls everybody. */
  dispatch: String.raw`
    _*vfs_(?:read|write|ioctl|readv|writev|iter_\w+|fsync\w*) ksys_(?:p?read|p?write|readv|writev|ioctl|fsync|sync_file_range)\w*
    do_iter_\w+ call_(?:read|write)_iter new_sync_\w+ do_loop_readv_writev do_vfs_ioctl do_splice\w* do_readv_writev
    iterate_dir blkdev_ioctl blkdev_driver_ioctl block_ioctl _*blkdev_driver_ioctl compat_\w*ioctl\w* \w+_compat_ioctl
    _*(?:do|se)_(?:compat_)?sys_ioctl file_ioctl full_proxy_\w+ (?:debugfs|simple)_attr_\w+ kernfs_fop_\w+ sysfs_kf_\w+
    (?:kobj|dev|bus|drv)_attr_(?:show|store) proc_reg_\w+ proc_sys_call_handler _*sys_(?:setsockopt|getsockopt)
    sock_(?:sendmsg|do_ioctl|ioctl)\w* rtnetlink_rcv_msg nfnetlink_rcv_\w+ deliver_skb _*netif_receive_skb\w* napi_poll
    _*napi_poll net_rx_action process_backlog dev_hard_start_xmit xmit_one call_timer_fn expire_timers _*run_timers
    run_timer_softirq _*run_hrtimer _*hrtimer_run_queues process_one_work task_work_run exit_to_user\w*
    smp_call_function\w* do_one_initcall start_secondary cleanup_module bpf_test_run bpf_prog_test_run\w*
  `,
  /** System calls on their way in, threads, softirqs, boot. */
  entry: String.raw`
    stub_\w+ tracesys\w* sysenter_\w+ cstar_dispatch do_syscall_\w+ do_fast_syscall_\w+ __do_fast_syscall_32 do_int80_\w+ do_SYSENTER_32 entry_\w+ x64_sys_call ia32_sys_call
    system_call\w* syscall_\w+ _*invoke_syscall do_el0_svc el0_svc(?!_naked)\w* ret_fast_syscall ret_to_user ret_from_(?!exception)\w+
    secondary_startup_\w* start_kernel rest_init cpu_startup_entry do_idle default_idle\w* kthread worker_thread
    smpboot_thread_fn run_ksoftirqd _*do_softirq\w* __softirqentry_\w+ handle_softirqs tasklet_action\w* irq_exit\w* rcu_core\w*
    rcu_do_batch rcu_process_callbacks kunit_try_run_case kunit_generic_run_threadfn_adapter
  `,
  /** Those that found it and print it; what compilers and tracing put between a function and its caller. */
  report: String.raw`
    \w+_is_static_object \w*static_call\w* __SCT__\w+ __cfi_\w+ __traceiter_\w+ trace_\w+ perf_trace_\w+ ftrace_\w+ kcov_\w+ bpf_dispatcher_\w+
    _*bpf_prog_run\w* bpf_prog_[0-9a-f]{16}\w*
    _*dump_stack\w* show_stack dump_backtrace show_regs.* print_\w* __print_\w* _*panic vpanic __warn\w* warn_slowpath_\w+
    _*fortify_\w+ add_taint check_panic_on_warn panic_\w+ warn_bogus_\w+ report_bug __report_bug fixup_bug bug_handler
    handle_bug __might_\w* might_fault ___might_sleep __cant_sleep __cant_migrate __schedule_bug \w*kasan_\w* __asan_\w+
    __hwasan_\w+ hwasan_\w+ check_memory_region\w* check_region_inline memory_is_\w+ \w*kmsan_\w* __msan_\w+ msan_\w+
    \w*kcsan_\w* __tsan_\w+ \w*kfence_\w* __sanitizer_\w+ check_kcov_mode ubsan_\w+ __ubsan_\w+ object_err slab_err slab_bug
    stack_trace_\w+ save_stack\w* _*stack_depot_\w+ set_track\w* unwind_(?:next|get|backtrace|start)\w* _*unwind_\w+
    arch_stack_walk\w* walk_stackframe kmemleak_\w+ lockdep_\w+ __lock_\w+
    lock_(?:acquire|release|is_held_type|acquired|contended)\w*
    check_(?:prev|deadlock|irq|noncircular|wait_context|usage|path|redundant|no_locks)\w* validate_chain mark_lock\w*
    mark_held_locks mark_usage register_lock_class look_up_lock_class assign_lock_key debug_check_no_\w+
    debug_\w*(?:obj|lock|mutex|preempt)\w* debug_smp_processor_id __this_cpu_preempt_check check_preemption_disabled
    trace_hardirqs_\w+ (?:__)?rcu_lockdep\w* __fortify_report fortify_\w+ usercopy_\w+ __check_(?:heap_)?object\w*
    check_stack_object ref_tracker_\w+ spin_(?:bug|dump) rwlock_bug refcount_\w+ __refcount_\w+
  `,
  /** Traps, interrupts. */
  trap: String.raw`
    smp_\w*apic_timer\w* local_apic_timer_interrupt
    do_error_trap
    do_(?:trap|invalid_op|general_protection|page_fault|int3|divide_error|bounds|user_addr_fault|kern_addr_fault|translation_fault|mem_abort|debug_exception|undefinstr|PrefetchAbort|DataAbort|bad_area|sea|sp_pc_abort|el0_\w+)\w*
    __do_(?:page_fault|kernel_fault|user_fault) _*die\w* oops_\w+ no_context (?:kernel)?mode_fixup_or_oops
    page_fault\w* exc_\w+ asm_exc_\w+ invalid_op divide_error general_protection error_entry async_page_fault trace_page_fault
    xen_\w*entry el[01]t?h?_(?!svc_naked)\w+ brk_handler call_break_hook early_brk64 bug_\w+ handle_(?:exception|page_fault)
    program_check\w* data_access\w* common_exception\w* apic_timer_interrupt (?:asm_)?(?:sysvec|smp)_\w+interrupt
    asm_sysvec_\w+ sysvec_\w+ asm_common_interrupt common_interrupt do_IRQ __irq_\w+ gic_handle_irq handle_\w*irq\w*
    __handle_\w*irq\w* generic_handle_\w+ run_irq_workload irq_work_\w+ nmi_\w+ end_repeat_nmi default_do_nmi do_nmi
    arch_trigger_\w+ trigger_\w+_backtrace __x86_indirect_\w+ __irqentry_\w+ retint_kernel do_tag_\w+
  `,
  /** Memory, strings, user space. */
  memory: String.raw`
    _*mem(?:cpy|set|move|cmp|chr|scan|dup)\w* _*str[a-z]{0,2}(?:len|cpy|cmp|chr|str|cat|dup|sep|pbrk|spn|scpy)\w* sized_str\w+
    \w*copy_(?:from|to|in)_user\w* _*copy_(?:from|to)_iter\w* raw_copy_\w+ instrument_\w+ csum_\w*copy\w* csum_partial\w*
    crc\w+ __crc\w+ copyout\w* copyin\w* copy_mc\w* _*(?:get|put)_user\w* __clear_user clear_user\w* _*copy_page\w*
    rep_\w+ v?s[cn]*printf string pointer vprintk\w* _*printk\w* _dev_\w+ dev_(?:vprintk|printk)\w* __dev_printk number
    hex_dump\w* __dynamic_\w+ sort\w* (?:_|__)?find_(?:first|next|last)\w* bitmap_\w+ __bitmap_\w+ \w*k[mz]alloc\w* kcalloc\w*
    \w*krealloc\w* kv?free\w* __kfree\w* _*kmem_\w+ kmem_\w+ \w*slab_\w+ ___?slab_\w+ new_slab do_slab_free ___cache_free
    __cache_\w+ cache_\w+_\w*alloc\w* allocate_slab (?:__|do_)?kmalloc\w* \w*alloc_pages\w* \w*alloc_frozen_pages\w*
    __get_free_pages get_free_pages\w* get_page_from_freelist __rmqueue\w* rmqueue\w* prep_new_page get_zeroed_page\w*
    alloc_page\w* free_(?:unref_|hot_cold_|pages_|frozen_)?pages?\w* __free_\w+ free_large_kmalloc folio_alloc\w*
    __folio_alloc\w* v[mz]alloc\w* __v[mz]alloc\w* kv[mz]alloc\w* __kv[mz]alloc\w* v(?:free|unmap)\w* __vunmap dma_pool_\w+
    mempool_\w+ percpu_\w+alloc\w* pcpu_\w+ should_fail\w* __should_fail\w* fault_create_debugfs_attr post_alloc_hook
    quarantine_\w+ qlink_\w+ bad_page\w* check_new_page\w* check_free_page\w* poison_\w+ unpoison_\w+ init_object
    __phys_addr\w* virt_to_\w+ arch_local_\w+ compound_head page_to_\w+ folio_unlock format_decode warn_alloc _*page_pool_\w+
    find_lock_entries find_get_entries truncate_inode_pages\w*
  `,
  /** Waits, wakes, schedules. */
  wait: String.raw`
    _*switch_to\w* _*schedule _*schedule_\w+ io_schedule\w* preempt_schedule\w* try_to_grab_pending kthread_stop\w*
    wait_for_(?:completion|common)\w* do_wait_for_common _*wait_for_common _cond_resched _*preempt_schedule\w*
    _*wake_up(?!_new_task)\w* autoremove_wake_function default_wake_function try_to_wake_up finish_wait prepare_to_wait\w*
    add_wait_queue\w* remove_wait_queue_\w+ complete(?:_all)? schedule_timeout\w*
  `,
  /** Lists, trees, tables. */
  container: String.raw`
    _*list_(?:add|del|move|replace|empty|splice|is|debug)\w* __list_\w+ hlist_\w+ __hlist_\w+ llist_\w+ rb_\w+ __rb_\w+
    xas?_\w+ xa_\w+ __xa_\w+ _*radix_tree_(?:lookup|insert|delete|next|tag|iter|preload|gang)\w* idr_\w+ __idr_\w+ ida_\w+
    klist_\w+ rhashtable_\w+ __rhashtable_\w+ rht_(?:key|head|bucket|ptr|obj|assign|lock|unlock)\w* rhltable_\w+
    timerqueue_\w+_\w+
  `,
  /** Locks, references, atomics, bits. */
  lock: String.raw`
    \w*spin_(?:lock|unlock|trylock|is_locked)\w* (?:do_)?raw_\w+lock\w* _raw_\w+ __raw_\w+ \w*queued_\w+lock\w* __pv_\w+
    pv_\w+ (?:arch|virt|native)_\w*(?:spin|lock)\w* arch_\w*atomic\w* _*(?:read|write)_(?:un)?lock\w*
    do_(?:read|write|raw)_\w+ \w*mutex_(?:lock|unlock|trylock|spin)\w* _*(?:debug_)?mutex_\w+ ww_mutex_\w+ rt_mutex_\w+ __rt_mutex\w*
    rt_spin_\w+ _*down\w* _*up(?:_read|_write)? down_(?:read|write|interruptible|timeout|trylock|killable)\w*
    up_(?:read|write)\w* \w*rwsem_\w+ percpu_(?:down|up|counter)\w* __percpu_\w+ (?:__)?sb_(?:start|end)_\w+ seqcount_\w+
    read_seq\w+ \w*atomic\d*_\w+ k?ref_?(?:count|get|put|read|sub)\w* __kref_\w+ kref_\w+ bit_spin_\w+
    (?:__)?test_(?:and_\w+_)?bit\w* _*(?:set|clear|change|test)_bit\w* (?:arch|const)_test_\w+ local_bh_\w+ __local_bh_\w+
    get_sigframe\w* atomic_\w+ __read_once\w* read_word_at_a_time READ_ONCE\w* _?compound_\w+ get_work_pool osq_\w+ mcs_\w+
    \w*_(?:read|write)_lock\w* \w*mutex_optimistic_spin \w*rq_lock\w*
  `,
  /** Timers, work, RCU. */
  later: String.raw`
    _*init_(?:waitqueue|rwsem|timer)\w* del_timer\w* mod_timer\w* __mod_timer add_timer\w* timer_\w+ __timer_\w+
    try_to_del_timer\w* detach_\w*timer\w* lock_timer_base hrtimer_(?:start|cancel|try|init|active|forward|reprogram)\w*
    __cancel_work\w* cancel_\w*work\w* (?:__)?flush_work\w* flush_workqueue\w* __flush_workqueue drain_workqueue
    destroy_workqueue _*queue_(?:delayed_)?work\w* insert_work mod_delayed_work\w* start_flush_work kthread_\w+work\w*
    kvfree_call_rcu _*rcu_\w+ srcu_\w+
  `,
  /** Buffers, inodes. */
  buffer: String.raw`
    _*skb_(?:put|push|pull|panic|under_panic|over_panic)\w* __napi_alloc\w* __netdev_alloc\w* k?free_skb\w* __kfree_skb\w*
    ip6?_(?:dst|fib)_\w*hold\w* dev_(?:put|hold)\w* netdev_(?:put|hold)\w* dput dget\w* iput\w* drop_nlink inc_nlink fast_dput
    mark_buffer_dirty __brelse __bforget sk_skb_reason_drop
  `,
  /** Objects that are everybody's. */
  object: String.raw`
    kobject_\w+ __kobject_\w+ kobj_\w+ kset_\w+
    device_(?:add|del|register|unregister|initialize|rename|release|destroy|create)\w* device_release_driver\w* put_device
    get_device\w* (?:add|del)_device\w* cdev_(?:add|del|init|alloc|device_\w+) platform_device_\w+ devm_\w+ devres_\w+ release_nodes sysfs_\w+
    kernfs_(?:get|put|add|find)\w* debugfs_\w+ proc_(?:register|create|mkdir|remove)\w* remove_proc_\w+ notifier_call_chain
    \w*_notifier_call_chain\w* call_netdevice_notifiers\w* assertfail __reiserfs_panic hwrng_unregister
    i2c_(?:del|add|register|unregister)_\w+ _*unregister_client (?:device|bus|driver)_for_each_\w+ usb_kill_\w+ usb_poison_\w+
    tty_(?:un)?register_device\w* rollback_registered\w* unregister_netdevice_\w+ dpm_sysfs_\w+ add_uevent_var logic_\w+
  `,
}

const anyOf = (names: string) => new RegExp(`^(?:${names.trim().split(/\s+/).join('|')})$`)

const PATTERNS = Object.entries(NAMES).map(([role, names]) => ({
  role: role as Role,
  match: anyOf(names),
}))

/** The role of a function by its name alone; undefined when it tells none. */
export function roleByName(name: string): Role | undefined {
  return PATTERNS.find(({ match }) => match.test(name))?.role
}

/** What macros make of a tracepoint, wherever it is: include/trace/*.h. */
const OF_TRACEPOINTS =
  /^(?:perf_trace|__traceiter|trace_event_raw_event|__bpf_trace|__SCT__tp_func)_/

/** The role that a function of a module has by its name: names are no more than hints, and a module may call its functions as it likes. */
export function roleInModule(name: string): Role | undefined {
  return OF_TRACEPOINTS.test(name) ? 'report' : undefined
}
