import { NO_BUG, NO_INFO, NO_WARNING } from './false-alarms.ts'
import { BUG_ROWS, NEARLY_BUG_ROWS } from './rows-bug.ts'
import { DIE_ROWS } from './rows-fault.ts'
import { CUT_ROWS, INFO_ROWS } from './rows-info.ts'
import { UBSAN_ROWS } from './rows-sanitizers.ts'
import { TRAP_ROWS } from './rows-trap.ts'
import { WARNING_ROWS } from './rows-warning.ts'
import type { Row } from './rows.ts'

/** How a complaint may begin, and the rows that may name it. */
export interface Opening {
  readonly match: RegExp
  /** What looks alike and is none. */
  readonly unless?: RegExp
  readonly rows: readonly Row[]
  /** It is the text of a warning, of which this is the first line: the text is printed before it. */
  readonly textOf?: RegExp
  /** It tells of the fault that comes next, and shows nothing itself. */
  readonly isNote?: true
  /** Inside another report it is a part of that: what a trap, a panic on a warning says after it. */
  readonly continues?: true
}

/** Against a line without the prefix of printk. The first that matches. */
const OPENINGS: readonly Opening[] = [
  { match: /^(?:BUG|WARNING|INFO): *$/, rows: CUT_ROWS },
  { match: /BUG: Dentry .*still in use/, textOf: /WARNING: .*fs\/dcache\.c/, rows: BUG_ROWS },
  { match: /(?:^|[^A-Za-z_-])BUG: /, unless: NO_BUG, rows: BUG_ROWS },
  // These are known wherever they stand in a line, such as behind what a program wrote.
  {
    match:
      /BUG: (?:K[AMC]SAN: |KFENCE: |[Uu]nable to handle |[Kk]ernel NULL |soft lockup|sleeping function|scheduling while|workqueue l|Bad (?:page|rss)|(?:spin|rw)lock |memory leak|using \w+\(\) in|MAX_LOCK)/,
    unless: NO_BUG,
    rows: BUG_ROWS,
  },
  // SLUB, the older SLAB, and the assertions of maple trees.
  {
    match: /^BUG [^\n]{1,80}\((?:Tainted|Not tainted)[^)]*\): /,
    unless: /kasan: bad access/,
    rows: NEARLY_BUG_ROWS,
  },
  {
    match: /^BUG at \S+:\d+ \(\d+\)|slab error in \w+\(\): |^[sS]lab corruption(?: \(|: )/,
    rows: NEARLY_BUG_ROWS,
  },
  {
    match: /(?:^|^[^:]{0,40}[^\w:] ?|\] )WARNING: /,
    unless: NO_WARNING,
    rows: WARNING_ROWS,
  },
  {
    match:
      /WARNING: (?:.* at .*\.[chS]:\d+ |(?:\[.{1,200}\] )?[\w./-]+\.[chS]:\d+ at |CPU: \d+ PID: \d+ at |possible (?:circular|recursive|irq) |\w+-safe -> |inconsistent lock state|suspicious RCU usage|bad (?:unlock balance|contention)|held lock freed|lock held when returning|\S+ still has locks held|[Nn]ested lock was|chain_key collision|circular locking deadlock|kernel stack (?:regs|frame)|can't access (?:iret )?registers|stack going in)/,
    unless: /^\w+ : WARNING/,
    rows: WARNING_ROWS,
  },
  // The older words of SLUB for the parts of its report.
  {
    match: /INFO: (?:(?:Allocated|Freed) in |(?:Slab|Object) 0x|0x[0-9a-f]+-0x)/,
    rows: INFO_ROWS,
    continues: true,
  },
  {
    match:
      /(?:(?:^|^\[ |rcu: |login: |\] )INFO: |INFO: (?:rcu_\w+ (?:self-)?detected |task \S+:\d+ (?:blocked|can't die)|trying to register|possible (?:circular|recursive|irq) |inconsistent lock state|suspicious RCU usage))/,
    unless: NO_INFO,
    rows: INFO_ROWS,
  },
  { match: /Unable to handle kernel /, rows: TRAP_ROWS },
  {
    match: /general protection fault(?:, [\w ,-]+ 0x\w+)?(?: .*)?:/,
    unless: /\[\d+\] general protection|^traps: .* general protection/,
    rows: TRAP_ROWS,
  },
  { match: /stack segment(?: fault)?: [0-9a-f]{4}/, rows: TRAP_ROWS },
  { match: /Kernel panic - not syncing/, rows: TRAP_ROWS, continues: true },
  { match: /PANIC: (?:double fault|invalid or fatal FRED)/, rows: TRAP_ROWS, continues: true },
  { match: /rust_kernel: panicked/, rows: TRAP_ROWS },
  // What a panic of Rust ends in.
  { match: /kernel BUG at rust\//, rows: TRAP_ROWS, continues: true },
  { match: /[kK]ernel BUG (?:at|in)/, rows: TRAP_ROWS },
  { match: /divide[ _]error: /, rows: TRAP_ROWS },
  { match: /invalid opcode: [0-9a-f]{4}/, rows: TRAP_ROWS, continues: true },
  { match: /^(?:Oops: )?int3: [0-9a-f]{4}/, rows: TRAP_ROWS },
  { match: /UBSAN: /, rows: UBSAN_ROWS },
  { match: /^Booting the kernel\.\s*$/, rows: TRAP_ROWS },
  { match: /unregister_netdevice: waiting for /, rows: TRAP_ROWS, continues: true },
  { match: /VFS: (?:Close: file count is (?:0|zero)|Busy inodes after unmount)/, rows: TRAP_ROWS },
  {
    match: /Internal error: .*\[#\d/,
    unless: /audit|: Internal error: /,
    rows: TRAP_ROWS,
    continues: true,
  },
  { match: /Unhandled (?:fault|prefetch abort): .* \(0x/, rows: TRAP_ROWS },
  { match: /Alignment trap: /, rows: TRAP_ROWS, isNote: true },
  { match: /trusty: panic/, rows: TRAP_ROWS },
  { match: /SYZFAIL: |SYZFATAL: /, rows: TRAP_ROWS },
  {
    match:
      /^fatal error: (?:runtime|unexpected signal|all goroutines|concurrent|stack|checkptr|out of memory|sweep|morestack|bad|found|exit|systemstack|malloc|gc|s\.|go)|^panic: /,
    rows: TRAP_ROWS,
  },
  // A panic says so, and was looked for above.
  { match: /[Hh]ard LOCKUP(?: |$)/, rows: NEARLY_BUG_ROWS, continues: true },
  // die() of all architectures.
  {
    match: /^[A-Za-z][^[\n]{0,120}\[#\d{1,3}\](?:[ :]|$)/,
    rows: DIE_ROWS,
    continues: true,
  },
]

/** Almost no line holds one of these. */
const HINT =
  /BUG|WARNING:|INFO:|LOCKUP|lab error in|lab corruption|\[#\d|to handle kernel|protection fault|stack segment|Kernel panic|PANIC: |panicked|divide[ _]error|invalid opcode|int3: |UBSAN|Booting the kernel|unregister_netdevice|VFS: |nternal error|Unhandled |Alignment trap|trusty: |SYZFA|fatal error: |panic: /

const HINTS = new RegExp(HINT, 'g')

/** Whether a line may begin a complaint: a clean log costs this test alone. */
export function mayOpen(raw: string): boolean {
  return HINT.test(raw)
}

/** Where the next line is that may begin a complaint; -1 when there is none. */
export function nextHint(text: string, from: number): number {
  HINTS.lastIndex = from
  return HINTS.exec(text)?.index ?? -1
}

/** The complaint that a line begins; undefined for all others. */
export function openingOf(text: string): Opening | undefined {
  if (!mayOpen(text)) return undefined
  return OPENINGS.find(({ match, unless }) => match.test(text) && !unless?.test(text))
}
