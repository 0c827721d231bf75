/** What functions are for that are never to blame for what others do with them. */
export const ROLES = {
  report: 'finds and prints complaints, or stands between a function and its caller',
  trap: 'a trap or an interrupt',
  entry: 'where the kernel begins: a system call on its way in, a thread, a softirq',
  memory: 'allocates, frees, copies or compares for others',
  lock: 'a lock, or a count of references',
  container: 'a list, a tree, a table',
  object: 'an object that every driver has',
  later: 'has something done later',
  wait: 'waits, wakes or schedules',
  buffer: 'a buffer, a page or an inode on behalf of its owner',
  // To blame for a fault of its own, but not for a stall.
  dispatch: 'calls everybody through a pointer',
} as const

export type Role = keyof typeof ROLES

/** What stands for them in tables/roles.txt. */
export const LETTERS: Readonly<Record<Role, string>> = {
  ...{ report: 'r', trap: 't', entry: 'e', memory: 'm', lock: 'l', container: 'c' },
  ...{ object: 'o', later: 'a', wait: 'w', buffer: 'b', dispatch: 'd' },
}

/** All functions of these files, or those among them that are called so, have a role. */
export interface RoleRule {
  /** `own`: none, whatever other rules say. */
  readonly role: Role | 'own'
  readonly files: RegExp
  /** Only these of them, whole names. */
  readonly names?: RegExp
  /** But not these, and why: the comment of the rule says it. */
  readonly but?: RegExp
}

/** The rules by which the kernel's sources are read; the first that holds a definition counts. Files and directories are those of 6.1 and 6.12. */
export const RULES: readonly RoleRule[] = [
  // Tests of machinery misuse it on purpose: they are to blame.
  { role: 'own', files: /(?:_test|\/test_\w+|kunit\w*|selftest\w*|torture\w*)\.c$/ },

  // What finds and prints.
  {
    role: 'report',
    files:
      /^mm\/(?:kasan|kmsan)\/|^mm\/kfence\/(?:core|report)\.c|^kernel\/kcsan\/(?:core|report)\.c|^mm\/(?:kmemleak|usercopy|debug|page_poison|page_owner|failslab|fail_page_alloc)\.c/,
    // It frees what others have freed before: it is where their objects are seen to be damaged.
    but: /^qlist_free_all$/,
  },
  {
    role: 'report',
    files:
      /^lib\/(?:ubsan|dump_stack|stackdepot|debugobjects|smp_processor_id|refcount|ref_tracker|list_debug|bug|nmi_backtrace|vsprintf|hexdump|fault-inject\w*|usercopy|dynamic_debug|stack\w*|string_helpers|kasprintf|seq_buf)\.c/,
    // Where objects are looked for that somebody has overwritten.
    but: /^lookup_object$/,
  },
  {
    role: 'report',
    files:
      /^kernel\/(?:panic|stacktrace|hung_task|watchdog\w*|kallsyms|kcov|context_tracking)\.c|^kernel\/locking\/(?:lockdep\w*|\w*debug\w*)\.[ch]|^kernel\/rcu\/tree_stall\.h|^kernel\/trace\/trace_(?:preemptirq|irqsoff|sched_\w+)\.c|^kernel\/trace\/(?:ring_buffer|ftrace|bpf_trace)\.c/,
    // Coverage that faults by itself.
    but: /^(?:write_comp_data|watchdog|khungtaskd|bpf_\w+|ring_buffer_resize)$/,
  },
  // The rest of printk is consoles, which are anybody's.
  {
    role: 'report',
    files: /^kernel\/printk\//,
    names:
      /^_?v?printk\w*|^\w*log_\w+|^devkmsg_emit|^console_(?:unlock|flush_all|emit_next_record|trylock_spinning)$/,
  },
  {
    role: 'report',
    files: /^drivers\/base\/core\.c|^net\/core\/dev\.c/,
    names: /^_*(?:dev|netdev)_(?:printk\w*|vprintk\w*|err\w*|warn|info|notice|crit|alert|emerg)$/,
  },
  {
    role: 'report',
    files:
      /^include\/(?:linux|asm-generic)\/(?:kasan\S*|kmsan\S*|kcsan\S*|instrumented|bug|printk|lockdep\S*|debugobjects|debug_locks|fortify-string|ucopysize|ref_tracker|dev_printk|tracepoint|ftrace|stackdepot)\.h/,
  },
  { role: 'report', files: /^arch\/[^/]+\/kernel\/(?:stacktrace|dumpstack\w*|unwind\w*)\.c/ },

  // System calls on their way in, threads, softirqs; traps and interrupts.
  {
    role: 'entry',
    files:
      /^arch\/[^/]+\/(?:entry\/\w+|kernel\/(?:entry\w*|syscall\w*|process))\.c|^kernel\/entry\//,
    names: /^\w*(?:syscall|sysenter|int80|fast_syscall|el0_svc)\w*$|^ret_from_fork\w*$/,
    but: /^syscall_(?:trace|enter_audit|user_dispatch|exit_to)\w*$/,
  },
  {
    role: 'entry',
    files:
      /^kernel\/(?:workqueue|kthread|softirq|smpboot)\.c|^kernel\/rcu\/tree\.c|^kernel\/sched\/idle\.c/,
    names:
      /^(?:worker_thread|kthread|\w*do_softirq\w*|handle_softirqs|tasklet_action\w*|run_ksoftirqd|smpboot_thread_fn|rcu_core\w*|rcu_do_batch|do_idle|cpu_startup_entry)$/,
  },
  {
    role: 'trap',
    files:
      /^arch\/[^/]+\/(?:entry\/\w+|kernel\/(?:traps|nmi|irq|entry\w*|syscall\w*|debug-monitors|irq_work))\.[cS]/,
    but: /^(?:exit_to_user\w+|do_notify_resume|vdso_\w+|vsyscall_\w+|emulate_\w+|\w*vdso\w*)$/,
  },
  // The tick.
  {
    role: 'trap',
    files: /^kernel\/time\/(?:tick-\w+|timer|hrtimer)\.c/,
    names: /^tick_\w+$|^update_process_times$|^hrtimer_interrupt$/,
  },
  {
    role: 'trap',
    files: /^arch\/[^/]+\/mm\/(?:fault\w*|extable)\.c/,
    but: /^(?:vmalloc_\w+|ptep_\w+|_*bad_area\w*)$/,
  },
  {
    role: 'trap',
    files: /^kernel\/entry\/|^include\/linux\/(?:entry-common|irq-entry-common)\.h/,
    but: /^(?:exit_to_user_mode_(?:prepare|loop)|syscall_trace_enter|syscall_user_dispatch)$/,
  },
  {
    role: 'trap',
    files: /^kernel\/irq\/(?:chip|handle|irqdesc|irqdomain)\.c/,
    names: /^\w*handle\w*irq\w*$/,
  },

  // Memory and what is done with it.
  {
    role: 'memory',
    files: /^mm\/(?:slab|slub|slob|slab_common)\.[ch]/,
    names:
      /^\w*(?:alloc|free|kmem_|ksize|kmalloc|slab_err|object_err|slab_bug|slab_fix|check_object|check_slab|check_bytes|print_|init_object|slab_pad|memcg_slab|quarantine|obj_to)\w*$/,
    but: /^(?:slab_cpuup\w*|kmem_cache_(?:create|destroy|shrink)\w*|\w*freelist_corrupted|free_partial)$/,
  },
  { role: 'memory', files: /^mm\/util\.c/, names: /^\w*(?:dup|alloc|free|kstr|memdup)\w*$/ },
  {
    role: 'memory',
    files: /^mm\/page_alloc\.c|^mm\/mempolicy\.c|^mm\/page_frag_cache\.c/,
    names:
      /^\w*(?:alloc_|_alloc|alloc$|free_|_free|rmqueue|get_page_from_freelist|prep_new|check_new|bad_page|warn_alloc|free$)\w*$/,
    but: /^__isolate_free_page$|^free_area_init|^mpol_free|^sp_free|^take_page_off/,
  },
  {
    role: 'memory',
    files: /^mm\/(?:vmalloc|nommu)\.c/,
    names: /^\w*(?:v[mz]?alloc|vfree|vunmap|vmap_area|vm_area|vm_struct)\w*$|^vmap\w*$/,
  },
  { role: 'memory', files: /^mm\/(?:percpu\S*|mempool|dmapool|maccess|kfence\/kfence)\.[ch]/ },
  { role: 'memory', files: /^net\/core\/page_pool\.c/ },
  {
    role: 'memory',
    files:
      /^lib\/(?:string|checksum|strn\w+|usercopy|sort|list_sort|bitmap\w*|find_bit\w*|hweight|memcat_p|bsearch|cmdline|kstrtox|parser|ctype|memneq|bcd|crc\S+|crypto\/(?:memneq|utils))\.c|^lib\/crc\w*\/|^lib\/xxhash\.c|^lib\/math\//,
  },
  { role: 'memory', files: /^lib\/iov_iter\.c/, names: /^\w*copy\w*$|^\w*csum\w*$|^memcpy\w*$/ },
  {
    role: 'memory',
    files: /^arch\/[^/]+\/lib\/|^arch\/[^/]+\/kernel\/(?:uaccess|paravirt\w*)\.c/,
    but: /^(?:insn_\w+|delay_\w+|__?delay|__const_udelay|udelay)$/,
  },
  {
    role: 'memory',
    files:
      /^include\/(?:linux|asm-generic)\/(?:slab|vmalloc|gfp|string\w*|uaccess|uio|highmem\S*|percpu\S*|bitmap|bitops|find|mempool|overflow|minmax|unaligned\S*|kstrtox|checksum|crc\S+|iversion|mmdebug|page_ref|sockptr|bpfptr)\.h/,
  },
  {
    role: 'memory',
    files:
      /^arch\/[^/]+\/include\/asm\/(?:string\S*|uaccess\S*|bitops\S*|page\S*|percpu|checksum\S*|unaligned|asm-\w+|barrier|io)\.h/,
    but: /native_\w+mem_/,
  },

  // Digests and ciphers: what they compute is their caller's.
  {
    role: 'memory',
    files:
      /^lib\/crypto\/|^crypto\/(?:\w*_generic|shash|ahash|hash|cipher|skcipher|crc\w+|sha\w*|md\w*|blake\w*|xxhash\w*|poly1305\w*|chacha\w*|aes\w*)\.c|^arch\/[^/]+\/(?:lib\/)?crypto\/|^include\/crypto\//,
    but: /^(?:crypto_(?:register|unregister|alloc|free|init|exit|has|grab|create|spawn)\w*|\w*(?:init_tfm|exit_tfm|setkey|mod_init|mod_fini|mod_exit))$/,
  },

  // Locks and references.
  { role: 'lock', files: /^kernel\/locking\/(?!lock_events)|^lib\/dec_and_lock\.c/ },
  {
    role: 'lock',
    files:
      /^include\/(?:linux|asm-generic)\/(?:spinlock\S*|rwlock\S*|mutex\S*|rwsem\S*|semaphore|seqlock\S*|percpu-rwsem|local_lock\S*|atomic\S*|refcount|kref|bit_spinlock|rcuref|ww_mutex|rtmutex|cleanup|qspinlock|qrwlock|bitops\/\S+|rwonce|rcupdate\S*|srcu\S*|preempt|irqflags|bottom_half|rwbase_rt)\.h/,
  },
  {
    role: 'lock',
    files:
      /^arch\/[^/]+\/include\/asm\/(?:spinlock\S*|qspinlock\S*|atomic\S*|cmpxchg\S*|paravirt\S*|irqflags|preempt)\.h/,
  },
  // Locks of whole subsystems.
  { role: 'lock', files: /^net\/core\/sock\.c/, names: /^_*(?:lock|release)_sock\w*$/ },
  {
    role: 'lock',
    files: /^fs\/super\.c|^include\/linux\/fs\.h/,
    names: /^_*sb_(?:start|end)_\w+$|^sb_wait_write$/,
  },

  // Containers.
  {
    role: 'container',
    files:
      /^lib\/(?:klist|rbtree\w*|xarray|idr|llist|plist|rhashtable|generic-radix-tree|flex_array|percpu_counter|percpu-refcount|lockref|kfifo|circ_buf)\.c/,
    but: /^lockref_\w+$/,
  },
  {
    role: 'container',
    files: /^lib\/radix-tree\.c/,
    but: /^radix_tree_(?:node_alloc|node_rcu_free|preload\w*|extend)$/,
  },
  {
    role: 'container',
    files:
      /^include\/(?:linux|asm-generic)\/(?:list\w*|rculist\w*|llist|rbtree\w*|xarray|idr|radix-tree|rhashtable\S*|plist|klist|hashtable|kfifo|percpu_counter|percpu-refcount)\.h/,
  },

  // Objects.
  {
    role: 'object',
    files:
      /^lib\/kobject\w*\.c|^fs\/sysfs\/|^drivers\/base\/(?:devres|class|platform|attribute_container|transport_class|devtmpfs|map)\.c/,
    but: /^(?:sysfs_kf_\w+|platform_(?:probe|remove|shutdown|drv_\w+)|devtmpfsd)$/,
  },
  {
    role: 'object',
    files: /^drivers\/base\/(?:core|bus|driver)\.c/,
    names:
      /^_*(?:get|put)_device\w*$|^_*device_(?:add|del|register|unregister|initialize|rename|release|destroy|create|remove|for_each|private)\w*$|^(?:cleanup|add|del)_\w+$|^(?:bus|driver)_(?:for_each|add|remove)\w*$|^dev_set_name$/,
  },
  { role: 'object', files: /^drivers\/base\/power\//, names: /^dpm_sysfs_\w+|^device_pm_\w+$/ },
  { role: 'object', files: /^fs\/char_dev\.c/, names: /^cdev_(?:add|del|init|alloc|device_\w+)$/ },
  {
    role: 'object',
    files: /^fs\/kernfs\//,
    names: /^kernfs_(?:get|put|add|find|remove_by_name|create|new_node)\w*$/,
  },
  { role: 'object', files: /^fs\/debugfs\/inode\.c/ },
  {
    role: 'object',
    files: /^fs\/proc\/(?:generic|proc_sysctl)\.c/,
    names: /^(?:_*proc_(?:register|create|mkdir|remove|symlink|alloc)\w*|remove_proc_\w+)$/,
  },
  { role: 'object', files: /^kernel\/(?:notifier|resource)\.c/ },
  { role: 'object', files: /^net\/core\/dev\.c/, names: /^call_netdevice_notifiers\w*$/ },

  // Later.
  {
    role: 'later',
    files: /^kernel\/time\/(?:timer|hrtimer|alarmtimer|sleep_timeout)\.c/,
    names:
      /^_*(?:add|del|mod|init|timer|try_to_del|detach|lock_timer|hrtimer|internal_add|calc_wheel|forward_timer|trigger_dyntick|schedule_timeout|schedule_hrtimeout|do_init_timer|get_timer|debug|destroy)\w*$|^(?:remove|switch|lock|migrate)_\w*h?r?timer\w*$/,
    but: /^_*hrtimer_(?:run_queues|interrupt|run_softirq|nanosleep)\w*$|^timers?_(?:prepare|dead)\w*$/,
  },
  {
    role: 'later',
    files: /^kernel\/(?:workqueue|kthread)\.c/,
    names:
      /^\w*(?:queue|flush|cancel|drain|insert_work|try_to_grab|mod_delayed|get_work|destroy_work|pwq|kthread_(?:stop|work|park|create|run|bind|unpark)|pool_work|delayed)\w*$/,
    but: /^(?:init_\w+|workqueue_\w+|alloc_\w+|wq_\w+|apply_\w+|rescuer_thread|pwq_(?:dec|unbound)\w*|kthread_worker_fn|create_worker)$/,
  },
  {
    role: 'later',
    files:
      /^kernel\/(?:rcu\/(?:tree|update|srcu\w+|tiny|sync|tree_exp|tree_plugin|tree_nocb|rcu_segcblist|tasks))\.[ch]/,
    // Who waits for readers is a bug's mark: see blame.ts.
    but: /^(?:_*synchronize_\w+|process_srcu|srcu_\w+|rcu_gp_kthread|rcu_(?:core|do_batch|process_callbacks)\w*|rcu_cblist_\w+|rcu_sync_\w+)$/,
  },
  { role: 'later', files: /^kernel\/(?:irq_work|task_work)\.c/, but: /^task_work_run$/ },
  {
    role: 'later',
    files: /^include\/linux\/(?:timer|hrtimer|workqueue|kthread|irq_work|interrupt)\.h/,
  },

  { role: 'later', files: /^net\/core\/sock\.c/, names: /^sk_(?:reset|stop)_timer\w*$/ },

  // Waiting.
  {
    role: 'wait',
    files: /^kernel\/time\/(?:timer|sleep_timeout)\.c|^include\/linux\/delay\.h/,
    names: /^(?:msleep\w*|[suf]sleep\w*|usleep_range\w*)$/,
  },
  {
    role: 'wait',
    files: /^kernel\/sched\/(?:wait\w*|completion|swait)\.c/,
    but: /^(?:add|remove)_wait_queue\w*$/,
  },
  {
    role: 'wait',
    files: /^kernel\/sched\/core\.c/,
    names:
      /^_*(?:schedule\w*|io_schedule\w*|preempt_schedule\w*|_*cond_resched\w*|try_to_wake_up|wake_up_(?:process|state|q)|default_wake_function|_*task_rq_lock|raw_spin_rq_\w+|_*might_\w+|yield\w*|context_switch|ttwu_\w+|wake_up_q|__cant_\w+|migrate_(?:dis|en)able)$/,
  },
  { role: 'wait', files: /^include\/linux\/(?:wait\w*|completion|swait|sched|kernel|freezer)\.h/ },
  { role: 'wait', files: /^kernel\/softirq\.c/, names: /^_*local_bh_\w+$/ },

  // Buffers.
  {
    role: 'buffer',
    files: /^net\/core\/skbuff\.c/,
    names:
      /^_*skb_(?:put|push|pull|panic|over_panic|under_panic|trim)\w*$|^_*k?free_skb\w*$|^_*(?:napi|netdev)_alloc\w*$|^sk_skb_reason_drop$|^pskb_(?:put|pull)\w*$|^napi_(?:consume|build)\w*$/,
  },
  {
    role: 'buffer',
    files: /^include\/linux\/(?:skbuff|netdevice)\.h/,
    names:
      /^_*skb_(?:put|push|pull)\w*$|^k?free_skb\w*$|^dev_(?:put|hold)\w*$|^netdev_(?:put|hold)\w*$|^dev_alloc_skb$|^netdev_tracker_\w+$/,
  },
  {
    role: 'buffer',
    files: /^fs\/(?:inode|dcache)\.c|^include\/linux\/(?:fs|dcache)\.h/,
    names: /^_*(?:iput|dput|dget\w*|fast_dput|lockref_\w+|(?:drop|inc|clear|set)_nlink|ihold)$/,
  },
  {
    role: 'buffer',
    files: /^fs\/buffer\.c|^include\/linux\/buffer_head\.h/,
    names: /^(?:mark_buffer_dirty|_*brelse|_*bforget|put_bh|get_bh)$/,
  },
  {
    role: 'buffer',
    files:
      /^mm\/(?:truncate|filemap|swap|folio-compat|page-writeback|pagemap)\.c|^include\/linux\/(?:pagemap|page-flags|mm|huge_mm)\.h/,
    names:
      /^truncate_inode_\w+$|^find_(?:lock|get)_\w+$|^_*filemap_(?:get_(?:folio|entr)|add|remove|unaccount|fdatawait|range_has|alloc|release)\w*$|^do_read_cache_\w+$|^_*page_cache_(?!ra_)\w+$|^folio_(?:unlock|lock|put|get|wait\w*|mark_\w+|add_lru|end_\w+|test_\w+|alloc|trylock)$|^_*folio_lock\w*$|^(?:un)?lock_page\w*$|^_*(?:put|get)_page\w*$|^(?:page|compound)_\w*head$|^wait_on_(?:page|folio)\w*$|^_*(?:lock|unlock)_(?:page|folio)\w*$|^pagecache_get_page$|^find_or_create_page$|^add_to_page_cache\w*$/,
  },

  // Who calls everybody: what is a file, a socket, a message, a packet, a timer, a piece of work behind it is what tells one bug from others.
  {
    role: 'dispatch',
    files: /^fs\/(?:read_write|ioctl|compat_ioctl)\.c|^block\/(?:compat_)?ioctl\.c/,
  },
  {
    role: 'dispatch',
    files: /^fs\/(?:splice|readdir)\.c/,
    names: /^do_splice\w*$|^iterate_dir$|^(?:direct_)?splice_\w*actor\w*$/,
  },
  {
    role: 'dispatch',
    files: /^net\/socket\.c/,
    names:
      /^_*sock_(?:sendmsg|write_iter|do_ioctl|ioctl)\w*$|^compat_sock_ioctl\w*$|^(?:__sys|do_sock)_[gs]etsockopt$/,
  },
  {
    role: 'dispatch',
    files: /^net\/(?:netfilter\/nfnetlink|core\/rtnetlink)\.c/,
    names: /^(?:nfnetlink|rtnetlink)_rcv_\w+$/,
  },
  {
    role: 'dispatch',
    files: /^net\/core\/dev\.c/,
    names:
      /^\w*(?:netif_receive_skb|netif_receive_generic|deliver_skb|napi_poll|net_rx_action|process_backlog|dev_hard_start_xmit|xmit_one)\w*$/,
  },
  {
    role: 'dispatch',
    files:
      /^kernel\/(?:workqueue|kthread|softirq|task_work|smpboot)\.c|^init\/main\.c|^net\/bpf\/test_run\.c/,
    names:
      /^(?:process_one_work|process_scheduled_works|kthread_worker_fn|task_work_run|do_one_initcall\w*|bpf_(?:prog_)?test_run\w*)$/,
  },
  // vm_ops, and mmap of files.
  {
    role: 'dispatch',
    files: /^mm\/(?:memory|mmap|vma|util)\.c|^include\/linux\/fs\.h/,
    names: /^__do_fault$|^call_mmap$|^_*mmap_region$/,
  },
  {
    role: 'dispatch',
    files: /^kernel\/time\/(?:timer|hrtimer)\.c/,
    names: /^(?:call_timer_fn|expire_timers|_*run_timer\w*|_*run_hrtimer\w*|_*hrtimer_run_\w+)$/,
  },
  {
    role: 'dispatch',
    files: /^fs\/(?:kernfs|debugfs)\/file\.c|^fs\/proc\/inode\.c/,
    names: /^(?:kernfs_fop_\w+|full_proxy_\w+|proc_reg_\w+|debugfs_attr_\w+)$/,
  },
]
