/** What kind of complaint a report is. */
export type ReportKind =
  | 'panic'
  | 'kasan'
  | 'sanitizer'
  | 'oops'
  | 'bug'
  | 'warning'
  | 'lockdep'
  | 'atomic-sleep'
  | 'hung-task'
  | 'lockup'
  | 'rcu-stall'

interface Pattern {
  readonly kind: ReportKind
  /** Against a line without its timestamp. */
  readonly match: RegExp
  /** `$1`… are the groups, `$F` the function in which it happened, once the report names it. */
  readonly title: string
}

/**
 * How the kernel's complaints begin, the more specific first. A new kind is a new row. Sources: lib/bug.c,
 * kernel/panic.c, mm/kasan/report.c, kernel/locking/lockdep.c, kernel/hung_task.c, kernel/watchdog.c,
 * kernel/rcu/tree_stall.h, arch/x86/mm/fault.c, arch/x86/kernel/traps.c, kernel/sched/core.c.
 */
export const PATTERNS: readonly Pattern[] = [
  {
    kind: 'kasan',
    match: /^BUG: KASAN: ([\w-]+(?: [\w-]+)*) in ([\w.]+)/,
    title: 'KASAN: $1 in $2',
  },
  { kind: 'kasan', match: /^BUG: KASAN: ([\w-]+)/, title: 'KASAN: $1 in $F' },
  {
    kind: 'sanitizer',
    match: /^BUG: (KFENCE|KMSAN|KCSAN): ([\w-]+(?: [\w-]+)*) in ([\w.]+)/,
    title: '$1: $2 in $3',
  },
  {
    kind: 'sanitizer',
    match: /^UBSAN: ([\w-]+(?: [\w-]+)*) in (\S+?)(?::\d+)+/,
    title: 'UBSAN: $1 in $2',
  },
  { kind: 'bug', match: /^kernel BUG at (\S+?):(\d+)!/, title: 'kernel BUG at $1 in $F' },
  {
    kind: 'oops',
    match: /^BUG: kernel NULL pointer dereference/,
    title: 'NULL pointer dereference in $F',
  },
  {
    kind: 'oops',
    match: /^BUG: unable to handle (?:kernel )?(?:page fault|paging request|NULL pointer)/,
    title: 'unable to handle page fault in $F',
  },
  {
    kind: 'oops',
    match: /^(?:general protection fault|Oops: general protection fault)/,
    title: 'general protection fault in $F',
  },
  { kind: 'oops', match: /^(?:traps: )?(?:PANIC: )?double fault[:,]/, title: 'double fault in $F' },
  {
    kind: 'oops',
    match:
      /^(divide error|invalid opcode|stack segment|int3|bounds|alignment check): [0-9a-f]{4} \[#\d+\]/,
    title: '$1 in $F',
  },
  {
    kind: 'oops',
    match: /^(?:Internal error: )?Oops(?: - [\w ]+)?: [0-9a-f]+ \[#\d+\]/,
    title: 'Oops in $F',
  },
  {
    kind: 'atomic-sleep',
    match: /^BUG: sleeping function called from invalid context at (\S+?):\d+/,
    title: 'sleeping function called from invalid context at $1',
  },
  {
    kind: 'atomic-sleep',
    match: /^BUG: scheduling while atomic: ([^/]+)\//,
    title: 'scheduling while atomic in $F',
  },
  { kind: 'lockup', match: /BUG: soft lockup - CPU#\d+ stuck/, title: 'soft lockup in $F' },
  { kind: 'lockup', match: /(?:hard LOCKUP|hard lockup)/, title: 'hard lockup in $F' },
  { kind: 'lockup', match: /^BUG: workqueue lockup/, title: 'workqueue lockup' },
  {
    kind: 'rcu-stall',
    match: /^(?:rcu: )?INFO: rcu_\w+ (?:self-)?detected (?:expedited )?stalls?/,
    title: 'rcu stall in $F',
  },
  {
    kind: 'hung-task',
    match: /^INFO: task (.+?):\d+ blocked for more than \d+ seconds/,
    title: 'task hung: $1',
  },
  {
    kind: 'lockdep',
    match:
      /^WARNING: (possible [\w -]+ detected|inconsistent lock state|bad unlock balance detected!?|possible irq lock inversion dependency detected|suspicious RCU usage)/,
    title: '$1',
  },
  {
    kind: 'lockdep',
    match: /^WARNING: (lock held when returning to user space|held lock freed)/,
    title: '$1',
  },
  {
    kind: 'bug',
    match:
      /^BUG: (Bad page state|Bad page map|Bad rss-counter|spinlock \w+|using \w+\(\) in preemptible|memory leak|stack guard page was hit)/,
    title: '$1',
  },
  {
    kind: 'warning',
    match: /^WARNING: CPU: \d+ PID: \d+ at (\S+?):\d+ ([\w.]+)\+0x/,
    title: 'WARNING in $2',
  },
  {
    kind: 'warning',
    match: /^WARNING: (?:CPU: \d+ PID: \d+ )?at (\S+?):\d+/,
    title: 'WARNING at $1',
  },
  { kind: 'bug', match: /^BUG: (.{1,80})/, title: 'BUG: $1' },
  { kind: 'panic', match: /^Kernel panic - not syncing: (.{1,120})/, title: 'kernel panic: $1' },
]

/** A line that cannot belong to the report before it: that one is complete. */
export const ENDS: readonly RegExp[] = [
  /^---\[ end (?:trace|Kernel panic)/,
  /^={20,}$/,
  /^Rebooting in \d+ seconds/,
]

/** Where the kernel names the function in which it happened. */
export const FUNCTION = /^(?:RIP|pc|PC|epc)\s?: (?:\d{4}:)?([A-Za-z_][\w.]*)\+0x/
