import { AT, inTrace, TRACE, TRAPPED, whereOverflown, whereTrapped, type Row } from './rows.ts'

const badAccess = ['bad-access in {F}']

/** arch/x86/kernel/traps.c, arch/arm64/mm/fault.c, arch/arm/mm/fault.c, lib/bug.c, lib/ubsan.c, kernel/panic.c, lib/rust … */
export const TRAP_ROWS: readonly Row[] = [
  {
    match: /Unable to handle kernel NULL pointer dereference/,
    title: 'BUG: unable to handle kernel NULL pointer dereference in {F}',
    also: badAccess,
    search: whereTrapped,
  },
  {
    match:
      /Unable to handle kernel (?:paging request|pointer dereference|access to user memory|execut\w+|read|write|unknown)/,
    title: 'BUG: unable to handle kernel paging request in {F}',
    also: badAccess,
    search: whereTrapped,
  },
  {
    match: /general protection fault/,
    title: 'general protection fault in {F}',
    also: badAccess,
    search: whereTrapped,
  },
  {
    match: /stack segment(?: fault)?: /,
    title: 'stack segment fault in {F}',
    also: badAccess,
    search: whereTrapped,
  },
  { match: /divide[ _]error: /, title: 'divide error in {F}', search: whereTrapped },
  { match: /int3: /, title: 'int3 in {F}', search: whereTrapped },
  {
    match: /kernel BUG at lib\/list_debug\.c/,
    title: 'BUG: corrupted list in {F}',
    also: badAccess,
    search: { ...inTrace, skip: /list_(?:add|del|debug|move)|^__list_/ },
  },
  { match: /kernel BUG at mm\/usercopy\.c/, title: 'BUG: bad usercopy in {F}', search: inTrace },
  { match: /[kK]ernel BUG (?:at|in)/, title: 'kernel BUG in {F}', search: whereTrapped },
  {
    match: /invalid opcode: /,
    title: 'invalid opcode in {F}',
    also: badAccess,
    search: whereTrapped,
  },
  {
    match: /UBSAN: Undefined behaviour in/,
    title: 'UBSAN: undefined-behaviour in {F}',
    search: { ...inTrace, skip: /ubsan/ },
  },
  {
    match: /UBSAN: (array-index-out-of-bounds) in/,
    title: 'UBSAN: {1} in {F}',
    also: badAccess,
    search: { ...inTrace, skip: /ubsan/ },
  },
  {
    match: /UBSAN: ([a-z-]+) in/,
    title: 'UBSAN: {1} in {F}',
    search: { ...inTrace, skip: /ubsan/ },
  },
  {
    match: /PANIC: double fault/,
    title: 'PANIC: double fault in {F}',
    search: whereTrapped,
  },
  {
    match: /Internal error: /,
    title: 'Internal error in {F}',
    also: badAccess,
    search: whereTrapped,
  },
  {
    match: /Unhandled fault: /,
    title: 'Unhandled fault in {F}',
    also: badAccess,
    search: whereTrapped,
  },
  { match: /Alignment trap: /, title: 'Alignment trap in {F}', search: whereTrapped },
  {
    match: /rust_kernel: panicked at .*\n/,
    body: /rust_kernel: panicked at .*\n(.*)/,
    title: '{1} in {F}',
    search: {
      ...inTrace,
      skip: /^(?:<?core::|__rustc::|<?kernel::|rust_begin_unwind|rust_helper)/,
    },
  },
  {
    match: /Kernel panic - not syncing: corrupted stack end detected inside scheduler/,
    title: 'kernel panic: corrupted stack end in {F}',
    also: ['stack-overflow in {F}'],
    search: whereOverflown,
  },
  {
    match: /Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: /,
    title: 'kernel panic: stack is corrupted in {F}',
    search: {
      steps: [new RegExp(`Kernel stack is corrupted in: (?:[0-9a-f]+ *)?${AT}`)],
      otherwise: [TRACE, 'frames'],
      skip: /stack_chk/,
    },
    isComplete: true,
  },
  {
    match: /Kernel panic - not syncing: (?:kernel: )?panic_on_warn set/,
    title: 'kernel panic: panic_on_warn set in {F}',
    search: { steps: [TRAPPED], otherwise: [TRACE, 'frames'] },
  },
  {
    match:
      /Kernel panic - not syncing: (Fatal exception|Attempted to kill (?:init|the idle task)!|Couldn't open N_TTY ldisc)/,
    title: 'kernel panic: {1}',
  },
  {
    match: /Kernel panic - not syncing: ([^\n]*?)(?: on (?:CPU|cpu) ?\d+)?$/m,
    title: 'kernel panic: {1}',
  },
  {
    match: /unregister_netdevice: waiting for (?:.*) to become free/,
    title: 'unregister_netdevice: waiting for DEV to become free',
    isComplete: true,
  },
  {
    match: /VFS: Close: file count is (?:0|zero)/,
    title: 'VFS: Close: file count is zero (use-after-free)',
    isComplete: true,
  },
  {
    match: /VFS: Busy inodes after unmount/,
    title: 'VFS: Busy inodes after unmount (use-after-free)',
    isComplete: true,
  },
  { match: /Booting the kernel\./, title: 'unexpected kernel reboot', isComplete: true },
  {
    match: /trusty: panic.* ASSERT FAILED/,
    body: /trusty: panic.* ASSERT FAILED at \(.*\): (.+)/,
    title: 'trusty: ASSERT FAILED: {1}',
    isComplete: true,
  },
  {
    match: /trusty: panic/,
    title: 'trusty: ASSERT FAILED:',
    isDamaged: true,
  },
  { match: /SYZFAIL: (.*)/, title: 'SYZFAIL: {1}', isComplete: true },
  { match: /SYZFATAL: (.*)/, title: 'SYZFATAL: {1}', also: ['SYZFATAL'], isComplete: true },
  { match: /(fatal error|panic): (.*)/, title: '{1}: {2}', isComplete: true },
]
