import { HELD_LOCK_ROWS } from './rows-lockdep.ts'
import {
  AT,
  inTrace,
  TRACE,
  whereOverflown,
  whereStalled,
  whereTrapped,
  type Row,
  type Search,
} from './rows.ts'

const ALLOCATOR =
  /^(?:kmem_|slab|kfree|kvfree|vfree|vunmap|free_large|__?kmalloc|krealloc|kzalloc|__vunmap)/
const KASAN_IN = new RegExp(`BUG: KASAN: .* in ${AT}`)
const whereKasan: Search = {
  steps: [KASAN_IN, TRACE, 'frames'],
  skip: ALLOCATOR,
  lastly: KASAN_IN,
}
const badAccess = ['bad-access in {F}']

/** mm/kasan/report.c, mm/kmsan/report.c, kernel/kcsan/report.c, mm/kfence/report.c, mm/kmemleak.c */
const SANITIZERS: readonly Row[] = [
  {
    match: /BUG: KASAN: (?:double-free or invalid-free|double-free|invalid-free) in/,
    title: 'KASAN: invalid-free in {F}',
    also: ['invalid-free in {F}'],
    search: whereKasan,
  },
  {
    match: /BUG: KASAN: ([a-z-]+) in /,
    body: /BUG: KASAN: ([a-z-]+) in .*\n(?:.*\n){0,6}?.*(Read|Write) (?:of size|at addr)/,
    title: 'KASAN: {1} {2} in {F}',
    also: badAccess,
    search: whereKasan,
  },
  {
    match: /BUG: KASAN: ([a-z-]+) on address/,
    body: /BUG: KASAN: ([a-z-]+) on address.*\n(?:.*\n){0,6}?.*(Read|Write) (?:of size|at addr)/,
    title: 'KASAN: {1} {2}',
  },
  { match: /BUG: KASAN: (.*)/, title: 'KASAN: {1}', isDamaged: true },
  {
    match: /BUG: KMSAN: ([a-z-]+) in/,
    title: 'KMSAN: {1} in {F}',
    also: badAccess,
    search: {
      ...inTrace,
      skip: /^(?:alloc_skb|netlink_ack|netlink_rcv_skb|_?copy_|instrument_|simple_copy|usb_(?:submit|start_wait|bulk_msg|interrupt_msg|control_msg|internal))/,
    },
  },
  {
    match: /BUG: KCSAN: (assert: race in|data-race in|racing) (.*)/,
    title: 'KCSAN: {1} {2}',
    isComplete: true,
  },
  {
    match: /BUG: KFENCE: (use-after-free|out-of-bounds|invalid) (read|write) in/,
    title: 'KFENCE: {1} {2} in {F}',
    also: badAccess,
    search: { steps: [/^(?:Use-after-free|Out-of-bounds|Invalid) (?:read|write) at 0x/, 'frames'] },
  },
  {
    match: /BUG: KFENCE: invalid free in/,
    title: 'KFENCE: invalid free in {F}',
    also: ['invalid-free in {F}'],
    search: { steps: [/^Invalid free of 0x/, 'frames'], skip: ALLOCATOR },
  },
  {
    match: /BUG: KFENCE: memory corruption in/,
    title: 'KFENCE: memory corruption in {F}',
    search: { steps: [/^Corrupted memory at 0x/, 'frames'], skip: ALLOCATOR },
  },
  {
    match: /BUG: memory leak/,
    body: /BUG: memory leak.*\n(?:.*\n){0,3}?unreferenced object/,
    title: 'memory leak in {F}',
    search: {
      steps: [/backtrace/, 'frames'],
      skip: /kmemleak|mempool_alloc|kmem|slab|alloc|dup_|memdup|^kstrdup|create_object|^new_slab|strndup|sk_prot/,
    },
  },
  { match: /BUG: memory leak/, title: 'memory leak', isDamaged: true },
]

/** arch/x86/mm/fault.c, arch/powerpc/mm/fault.c */
const FAULTS: readonly Row[] = [
  {
    // No kernel code ran: there is no trace, and nobody to blame. QEMU before 9.1 emulates lret and iret of user space so.
    match: /BUG: unable to handle page fault for/,
    body: /supervisor \w+ access in user mode/,
    title: 'BUG: unable to handle kernel paging request in user mode',
    isComplete: true,
  },
  {
    match:
      /BUG: (?:unable to handle (?:kernel )?|[Uu]nable to handle kernel |[Kk]ernel )NULL pointer dereference/,
    title: 'BUG: unable to handle kernel NULL pointer dereference in {F}',
    also: badAccess,
    search: whereTrapped,
  },
  {
    match:
      /BUG: (?:[Uu]nable to handle (?:kernel (?:paging request|(?:data|instruction) (?:access|fetch).*)|page fault (?:for|in).*)|supervisor \w+ access)/,
    title: 'BUG: unable to handle kernel paging request in {F}',
    also: badAccess,
    search: whereTrapped,
  },
]

/** kernel/locking/spinlock_debug.c, kernel/locking/lockdep.c */
const LOCKS: readonly Row[] = [
  ...HELD_LOCK_ROWS,
  {
    match:
      /BUG: (spinlock|rwlock) (lockup suspected|already unlocked|recursion|bad magic|wrong owner|wrong CPU|cpu recursion|trylock failure on UP)/,
    title: 'BUG: {1} {2} in {F}',
    search: { ...inTrace, skip: /spin_|^do_raw_|rwlock|_lock_bug|^rt_spin/ },
  },
  { match: /BUG: Invalid wait context/, title: 'WARNING: locking bug in {F}', search: inTrace },
  { match: /BUG: (MAX_\w+ too low!?)/, title: 'BUG: {1}', isComplete: true },
  {
    match: /BUG: looking up invalid subclass/,
    title: 'BUG: looking up invalid subclass in {F}',
    search: inTrace,
  },
]

/** kernel/sched/core.c, lib/smp_processor_id.c, kernel/watchdog.c, kernel/workqueue.c */
const SCHEDULING: readonly Row[] = [
  {
    match: /BUG: soft lockup/,
    title: 'BUG: soft lockup in {F}',
    also: ['stall in {F}'],
    search: whereStalled,
  },
  {
    match: /BUG: sleeping function called from invalid context/,
    title: 'BUG: sleeping function called from invalid context in {F}',
    search: inTrace,
  },
  {
    match: /BUG: scheduling while atomic/,
    title: 'BUG: scheduling while atomic in {F}',
    search: inTrace,
  },
  {
    match: /BUG: using ([a-z_]+\(\)) in preemptible/,
    title: 'BUG: using {1} in preemptible code in {F}',
    search: inTrace,
  },
  {
    match: /BUG: workqueue leaked (?:lock|atomic)/,
    title: 'BUG: workqueue leaked lock or atomic in {F}',
    search: { steps: [/last function: ([A-Za-z_]\w*)/], otherwise: [TRACE, 'frames'] },
    isComplete: true,
  },
  { match: /BUG: workqueue lockup/, title: 'BUG: workqueue lockup', isComplete: true },
  {
    match: /BUG: (?:\w+ )?stack guard page was hit/,
    title: 'BUG: stack guard page was hit in {F}',
    also: ['stack-overflow in {F}'],
    search: whereOverflown,
  },
]

/** mm/page_alloc.c, mm/memory.c, mm/slub.c, kernel/fork.c, fs/dcache.c */
const MEMORY: readonly Row[] = [
  {
    match: /BUG: Bad page state/,
    title: 'BUG: Bad page state in {F}',
    search: { steps: [/page last allocated via/, 'frames'], otherwise: inTrace.steps },
  },
  { match: /BUG: Bad page map/, title: 'BUG: Bad page map in {F}', search: inTrace },
  { match: /BUG: Bad page cache/, title: 'BUG: Bad page cache in {F}', search: inTrace },
  { match: /BUG: Bad rss-counter state/, title: 'BUG: Bad rss-counter state', isComplete: true },
  {
    match: /BUG: non-zero (nr_ptes|pgtables_bytes|nr_pmds) on freeing mm/,
    title: 'BUG: non-zero {1} on freeing mm',
    isComplete: true,
  },
  {
    match: /BUG: Dentry .*still in use \(-?\d+\) \[(\w+) of (.*)\]/,
    title: 'BUG: Dentry still in use in {1}',
    also: ['BUG: Dentry still in use [{1} of {2}]'],
    isComplete: true,
  },
  { match: /BUG [\w-]+(?: \(.*\))?: (.*)/, title: 'BUG: {1}' },
]

export const BUG_ROWS: readonly Row[] = [
  ...SANITIZERS,
  ...FAULTS,
  ...LOCKS,
  ...SCHEDULING,
  ...MEMORY,
]
