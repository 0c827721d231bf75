import { badAccess, inTrace, whereTrapped, type Row } from './rows.ts'

/** Faults of which the architecture says BUG: arch/x86/mm/fault.c: show_fault_oops(), arch/powerpc/mm/fault.c: __bad_page_fault() (since v5.1) */
export const BUG_FAULT_ROWS: readonly Row[] = [
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
      /BUG: (?:[Uu]nable to handle (?:kernel (?:paging request|(?:data|instruction|unaligned) (?:access|fetch).*)|page fault (?:for|in).*|unknown paging fault)|supervisor \w+ access)/,
    title: 'BUG: unable to handle kernel paging request in {F}',
    also: badAccess,
    search: whereTrapped,
  },
  // Before v4.20 the second half of this line was printed on its own, and another CPU's may come between.
  {
    match: /BUG: unable to handle kernel *(?:\[ *\d+\.\d+\]|$)/m,
    title: 'BUG: unable to handle kernel',
    isDamaged: true,
  },
  // arch/x86/entry/entry_fred.c: fred_bad_type()
  {
    match: /BUG: invalid or fatal FRED event/,
    title: 'BUG: invalid or fatal FRED event in {F}',
    search: whereTrapped,
  },
  // arch/arm/vfp/vfpmodule.c: vfp_kmode_exception()
  {
    match: /BUG: (unsupported FP instruction|FP instruction issued) in kernel mode/,
    title: 'BUG: {1} in kernel mode in {F}',
    search: whereTrapped,
  },
  // include/asm-generic/bug.h: BUG() of an architecture without a trap for it; a panic follows.
  {
    match: /BUG: failure at /,
    title: 'kernel BUG in {F}',
    search: { steps: [/BUG: failure at \S+:\d+\/(\w+)\(\)!/] },
  },
]

/** arch/{arm64,arm,riscv,s390,mips,loongarch}/mm/fault.c; arch/powerpc/mm/fault.c before v5.1 */
const UNABLE: readonly Row[] = [
  {
    match: /Unable to handle kernel NULL pointer dereference/,
    title: 'BUG: unable to handle kernel NULL pointer dereference in {F}',
    also: badAccess,
    search: whereTrapped,
  },
  {
    match:
      /Unable to handle kernel (?:paging request|pointer dereference|access to user memory|execut\w+|read|write|unknown|\w+ at virtual address)/,
    title: 'BUG: unable to handle kernel paging request in {F}',
    also: badAccess,
    search: whereTrapped,
  },
]

/** lib/bug.c: report_bug() */
const BUGS: readonly Row[] = [
  // lib/list_debug.c, with CONFIG_BUG_ON_DATA_CORRUPTION.
  {
    match: /kernel BUG at (?:\[.{0,200}\] )?lib\/list_debug\.c/,
    title: 'BUG: corrupted list in {F}',
    also: badAccess,
    search: { ...inTrace, skip: /list_(?:add|del|debug|move)|^__list_/ },
  },
  // mm/usercopy.c: usercopy_abort()
  {
    match: /kernel BUG at (?:\[.{0,200}\] )?mm\/usercopy\.c/,
    title: 'BUG: bad usercopy in {F}',
    search: inTrace,
  },
  // arch/x86/kernel/cet.c: do_kernel_cp_fault(): who was called, not who noticed.
  {
    match: /kernel BUG at (?:\[.{0,200}\] )?arch\/\w+\/kernel\/cet\.c/,
    title: 'kernel BUG in {F}',
    search: { ...inTrace, skip: /cp_fault|control_protection/ },
  },
  { match: /[kK]ernel BUG (?:at|in)/, title: 'kernel BUG in {F}', search: whereTrapped },
]

/** arch/x86/kernel/traps.c */
const EXCEPTIONS: readonly Row[] = [
  // exc_general_protection()
  {
    match: /general protection fault/,
    title: 'general protection fault in {F}',
    also: badAccess,
    search: whereTrapped,
  },
  // exc_stack_segment()
  {
    match: /stack segment(?: fault)?: /,
    title: 'stack segment fault in {F}',
    also: badAccess,
    search: whereTrapped,
  },
  { match: /divide[ _]error: /, title: 'divide error in {F}', search: whereTrapped },
  { match: /int3: /, title: 'int3 in {F}', search: whereTrapped },
  // handle_invalid_op()
  {
    match: /invalid opcode: /,
    title: 'invalid opcode in {F}',
    also: badAccess,
    search: whereTrapped,
  },
  // exc_double_fault(); arch/x86/entry/entry_fred.c: fred_bad_type()
  {
    match: /PANIC: (double fault|invalid or fatal FRED event)/,
    title: 'PANIC: {1} in {F}',
    search: whereTrapped,
  },
]

/** arch/arm/mm/fault.c, arch/arm/mm/alignment.c, arch/arm64/kernel/traps.c, arch/arm64/mm/fault.c */
const ABORTS: readonly Row[] = [
  {
    match: /Internal error: /,
    title: 'Internal error in {F}',
    also: badAccess,
    search: whereTrapped,
  },
  // do_DataAbort(), do_PrefetchAbort()
  {
    match: /Unhandled (?:fault|prefetch abort): /,
    title: 'Unhandled fault in {F}',
    also: badAccess,
    search: whereTrapped,
  },
  { match: /Alignment trap: /, title: 'Alignment trap in {F}', search: whereTrapped },
]

export const FAULT_ROWS: readonly Row[] = [...UNABLE, ...BUGS, ...EXCEPTIONS, ...ABORTS]

/**
 * The line of die() with the number of the oops, where nothing said before what happened: `Oops: alignment check: 0000 [#1]` (x86),
 * `illegal operation: 0001 ilc:1 [#1]` (s390), `Oops: Machine check, sig: 7 [#1]` (powerpc), `Oops - illegal instruction [#1]` (riscv),
 * `Unhandled kernel unaligned access[#1]:` (mips, loongarch).
 */
export const DIE_ROWS: readonly Row[] = [
  // arch/mips/kernel/traps.c: do_trap_or_bp(), arch/loongarch/kernel/traps.c: do_bp(), arch/riscv/kernel/traps.c: handle_break()
  {
    match: /^(?:Oops - BUG|Kernel bug detected|Kernel BUG) ?\[#\d/,
    title: 'kernel BUG in {F}',
    search: whereTrapped,
  },
  // arch/powerpc/mm/fault.c, when the line before is lost.
  {
    match: /^(?:Oops: )?Kernel access of bad area/,
    title: 'BUG: unable to handle kernel paging request in {F}',
    also: badAccess,
    search: whereTrapped,
  },
  {
    match:
      /^(?:Oops(?:: | - )){0,2}([A-Za-z][\w #/,()-]{0,60}?)(?:: [0-9a-f]{4}(?: ilc:\d+)?|, sig: \d+)? ?\[#\d+\]/,
    title: '{1} in {F}',
    search: whereTrapped,
  },
]
