/** One step on the way to the function to blame, line by line: a line that matches (its group is a candidate), or the frames of a trace. */
export type Step = RegExp | 'frames' | Needed

/** A line without which nothing is found: what the other steps would lead to is of another matter. */
export interface Needed {
  readonly needed: RegExp
  /** It has to come before this. */
  readonly before?: RegExp
}

/** Where a complaint names the function to blame. */
export interface Search {
  readonly steps: readonly Step[]
  /** When these find nothing. */
  readonly otherwise?: readonly Step[]
  /** Functions that are not to blame for this kind of complaint. */
  readonly skip?: RegExp
  /** Better than nothing: the group of this, whatever it is. */
  readonly lastly?: RegExp
  /** Not the first one: see blame.ts. */
  readonly pick?: 'stalled' | 'waiting'
}

/** What a complaint says and how it is called. */
export interface Row {
  /** Against the whole report, without the prefixes of printk; the earliest match wins. */
  readonly match: RegExp
  /** Has to follow, or the report is damaged; its groups count then. */
  readonly body?: RegExp
  /** `{1}` is a group, `{F}` the function to blame. */
  readonly title: string
  /** Further titles under which the same bug may be known. */
  readonly also?: readonly string[]
  readonly search?: Search
  /** The complaint is complete without a call trace. */
  readonly isComplete?: true
  /** Always damaged: what makes it a whole one is missing. */
  readonly isDamaged?: true
}

/** Other names of a bug that a sanitizer, a fault or a protection fault may find. */
export const badAccess = ['bad-access in {F}']

/** A name of a function with its offset, as `%pS` prints it; captured. */
export const AT = '([A-Za-z_][\\w.$]*)\\+0x[0-9a-f]+'
/** An address, as `[<ffffffff81000000>]` or bare. */
const ADDRESS = '(?:\\[<?(?:0x)?[0-9a-f]+>?\\] *)'

/** riscv prints the trace of an oops behind the registers, without a word. Of what an NMI shows, the registers come first. */
export const TRACE = /Call [Tt]race|^ *status: \w+ badaddr: |Backtrace|(?<!NMI )backtrace/
/** The instruction that trapped: x86, arm64 and arm, riscv and mips, loongarch; powerpc; s390. */
export const TRAPPED = new RegExp(
  `^ *(?:(?:RIP|EIP|IP|pc|PC|epc|ERA)\\s*(?:is at|:) *(?:\\w{4}:)?(?:${ADDRESS}{0,2}|[0-9a-f]{8,16}) *|NIP \\[[0-9a-f]+\\] |--- interrupt: \\w+ at |Krnl PSW : .*\\()${AT}`,
)
/** lockdep: the lock, and who takes it. */
export const TAKEN_AT = new RegExp(` at: ${ADDRESS}?${AT}`)

export const whereTaken: Search = { steps: [TAKEN_AT, TRACE, 'frames'] }
/** `… is trying to release lock (x) at:`, and the function in the next line. */
export const whereReleased: Search = {
  steps: [new RegExp(`^(?:.* at: )?${ADDRESS}?${AT}`), TRACE, 'frames'],
}
/** Where a timer interrupted what stalls: what is above has found the stall. */
const INTERRUPTED =
  /(?:apic_timer_interrupt|sysvec_apic_timer|el1_irq|el1h_64_irq|el1_interrupt|__irq_svc|handle_irq_event|timer_interrupt\b.*|ret_from_intr|do_IRQ|asm_common_interrupt)/
export const whereStalled: Search = {
  steps: [{ needed: INTERRUPTED }, 'frames'],
  otherwise: [TRACE, 'frames'],
  pick: 'stalled',
}
/** RCU shows tasks that just wait as well: what was neither interrupted nor the first to be shown by an NMI was perhaps not stuck. */
export const whereRcuStalled: Search = {
  steps: [{ needed: INTERRUPTED }, 'frames'],
  otherwise: [{ needed: /NMI backtrace for cpu/, before: TRACE }, TRACE, 'frames'],
  pick: 'stalled',
}
/** What recurses is anywhere on the stack: as with a stall, a function that is deeper tells more. */
export const whereOverflown: Search = { steps: [TRACE, 'frames'], pick: 'stalled' }
export const inTrace: Search = { steps: [TRACE, 'frames'] }
export const whereTrapped: Search = { steps: [TRAPPED], otherwise: [TRACE, 'frames'] }
