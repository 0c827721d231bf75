import { AT, inTrace, TRACE, whereOverflown, type Row, type Search } from './rows.ts'

/** kernel/panic.c: panic(), by whom it was called; the others by what they say. */
export const PANIC_ROWS: readonly Row[] = [
  // kernel/sched/core.c: schedule_debug()
  {
    match: /Kernel panic - not syncing: corrupted stack end detected inside scheduler/,
    title: 'kernel panic: corrupted stack end in {F}',
    also: ['stack-overflow in {F}'],
    search: whereOverflown,
  },
  // kernel/panic.c: __stack_chk_fail()
  {
    match: /Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: /,
    title: 'kernel panic: stack is corrupted in {F}',
    search: {
      steps: [new RegExp(`Kernel stack is corrupted in: (?:[0-9a-f]{8,16} +)?${AT}`)],
      otherwise: [TRACE, 'frames'],
      skip: /stack_chk/,
    },
    isComplete: true,
  },
  // kernel/panic.c: check_panic_on_warn(), where the warning itself is lost.
  // What made it give up was told before, and is lost: kernel/hung_task.c, kernel/watchdog.c, kernel/rcu/tree_stall.h
  {
    match:
      /Kernel panic - not syncing: (hung_task: blocked tasks|softlockup: hung tasks|RCU Stall)/,
    title: 'kernel panic: {1}',
    isDamaged: true,
  },
  // Since v6.2 it tells what for; before, nothing is known of it.
  {
    match: /Kernel panic - not syncing: [\w ]+: (panic_on_warn set)/,
    title: 'kernel panic: {1}',
  },
  {
    match: /Kernel panic - not syncing: (panic_on_warn set)/,
    title: 'kernel panic: {1}',
    isDamaged: true,
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
]

const whereRustPanicked: Search = {
  ...inTrace,
  skip: /^(?:<?core::|__rustc::|<?kernel::|rust_begin_unwind|rust_helper)/,
}

/** rust/kernel/lib.rs: panic(); the message stands in the next line since v6.7 (Rust 1.73). */
export const RUST_ROWS: readonly Row[] = [
  {
    match: /rust_kernel: panicked at '(.*)', \S+:\d+:\d+/,
    title: '{1} in {F}',
    search: whereRustPanicked,
  },
  {
    match: /rust_kernel: panicked at .*\n/,
    body: /rust_kernel: panicked at .*\n(.*)/,
    title: '{1} in {F}',
    search: whereRustPanicked,
  },
]
