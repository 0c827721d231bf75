/** One function of a call trace. */
export interface Frame {
  /** As the kernel printed it. */
  readonly symbol: string
  readonly offset: number | undefined
  readonly module: string | undefined
  /** Found on the stack, but not by the unwinder. */
  readonly unreliable: boolean
}

const RISCV_STATUS = /^ *status: \w+ badaddr: /

/** How call traces begin: arch/x86/kernel/dumpstack.c, arch/arm64/kernel/stacktrace.c, arch/arm/kernel/traps.c, mm/kmemleak.c … */
const TRACE_STARTS: readonly RegExp[] = [
  /(?:Call|call) [Tt]race:/,
  /^ *[Bb]acktrace(?: \(crc \w+\))?:/,
  /^Backtrace for/,
  // riscv, behind the registers of an oops
  RISCV_STATUS,
  /^(?:Allocated|Freed|Last potentially related work creation|Second to last potentially related work creation)(?: by task \d+.*)?:$/,
  // KFENCE
  /^(?:allocated|freed) by task \d+ on cpu \d+/,
  /^-> #\d+ /,
  /^ *(?:stack backtrace|stack trace):/,
  /^Uninit was (?:created|stored to memory) at:/,
  /^(?: <.*>)?BUG: KMSAN: /,
  /^(?:Use-after-free|Out-of-bounds|Invalid|Corrupted memory).* (?:at|of) 0x/,
  /^(?:the existing dependency chain|which lock already depends)/,
]

/** A trace has to follow these, or the report is damaged. */
const TRACES_TO_CHECK =
  /(?:^ *status: \w+ badaddr: |Call [Tt]race:|^Allocated:$|^Allocated by task \d+:$|^Freed:$|^Freed by task \d+:$|^-> #\d+ |^ *[Bb]acktrace(?: \(crc \w+\))?: *$|BUG: KMSAN: |^Uninit was (?:created|stored to memory) at:|^(?:Use-after-free|Out-of-bounds|Invalid|Corrupted memory).* (?:at|of) 0x)/

const NAME = '[A-Za-z_][\\w.$]*'

/**
 * The ways to print a frame, by architecture: with or without its address, with the offset and the size of the function (%pS), with
 * the place that a symboliser has added; on arm as `(f) from [<address>] (g)`; without kallsyms, as an address alone.
 */
const FRAMES: readonly RegExp[] = [
  // powerpc: stack pointer, return address.
  new RegExp(`^ *\\[\\w{8,16}\\] \\[\\w{8,16}\\] (${NAME})(?:\\+0x([0-9a-f]+)/)?`),
  new RegExp(
    `^ *(?:<[A-Z#]+> *)?(?:\\{?\\[<?(?:0x)?[0-9a-f]+>?\\]\\}?)?[ \\t]+(?:<[A-Z#]+> *)?(?:\\? )?\\(?(${NAME})(?:\\+0x([0-9a-f]+)/0x[0-9a-f]+|\\)? from |\\) from )`,
  ),
  new RegExp(
    `^ *\\{?\\[<?(?:0x)?[0-9a-f]+>?\\]\\}?[ \\t]*(?:\\? )?\\(?(${NAME})(?:\\+0x([0-9a-f]+)|\\))`,
  ),
  // Symbolised afterwards: `f+0x1/0x2 file.c:12` or, inlined, `f file.c:12 [inline]`.
  new RegExp(`^ +(?:\\? )?(${NAME}) [\\w./-]+\\.[chSs]:\\d+`),
  new RegExp(`^ +(?:\\? )?(${NAME})\\+0x([0-9a-f]+)`),
  new RegExp(`^(${NAME})\\+0x([0-9a-f]+)/0x[0-9a-f]+`),
]

/** Whether a line begins a call trace. */
export function startsTrace(text: string): boolean {
  return TRACE_STARTS.some((start) => start.test(text))
}

/** Whether a line begins a call trace that must not be empty. */
export function promisesTrace(text: string): boolean {
  return TRACES_TO_CHECK.test(text)
}

/** The module that a line names behind a function (%pS). */
export function moduleIn(text: string): string | undefined {
  return /\+0x[0-9a-f]+\/0x[0-9a-f]+ \[([\w-]+)/.exec(text)?.[1]
}

/** The frame that a line of a call trace holds, if it does. */
export function readFrame(text: string): Frame | undefined {
  for (const pattern of FRAMES) {
    const match = pattern.exec(text)
    if (!match) continue
    const [, symbol = '', offset] = match
    return {
      symbol,
      offset: offset === undefined ? undefined : Number.parseInt(offset, 16),
      module: moduleIn(text),
      unreliable: isQuestionable(text),
    }
  }
  return undefined
}

/** Found on the stack, but not by the unwinder: x86 says so before, powerpc behind. */
export function isQuestionable(text: string): boolean {
  return (
    /^ *(?:<[A-Z#]+> *)?(?:\[<?[0-9a-f]+>?\])? *(?:<[A-Z]+> *)?\? /.test(text) ||
    text.endsWith(' (unreliable)')
  )
}
