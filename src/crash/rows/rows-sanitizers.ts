import { AT, badAccess, inTrace, TRACE, TRAPPED, type Row, type Search } from './rows.ts'

const ALLOCATOR =
  /^(?:kmem_|slab|kfree|kvfree|vfree|vunmap|free_large|__?kmalloc|krealloc|kzalloc|__vunmap)/
const KASAN_IN = new RegExp(`BUG: KASAN: .* in ${AT}`)
const whereKasan: Search = {
  steps: [KASAN_IN, TRACE, 'frames'],
  skip: ALLOCATOR,
  lastly: KASAN_IN,
}

/** mm/kasan/report.c: print_error_description(); a free is none that the tags or the shadow allow. */
const KASAN: readonly Row[] = [
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
  // Before v4.10, kasan_report_error() of user memory and NULL.
  {
    match: /BUG: KASAN: ([a-z-]+) on address/,
    body: /BUG: KASAN: ([a-z-]+) on address.*\n(?:.*\n){0,6}?.*(Read|Write) (?:of size|at addr)/,
    title: 'KASAN: {1} {2}',
  },
  // kasan_report_async(): the tags did not fit, and where is not known.
  {
    match: /BUG: KASAN: invalid-access *\n/,
    body: /BUG: KASAN: (invalid-access) *\n.*Asynchronous fault/,
    title: 'KASAN: {1}',
  },
  { match: /BUG: KASAN: (.*)/, title: 'KASAN: {1}', isDamaged: true },
]

/** mm/kmsan/report.c: kmsan_report() */
const KMSAN: readonly Row[] = [
  {
    match: /BUG: KMSAN: ([a-z-]+) in/,
    title: 'KMSAN: {1} in {F}',
    also: badAccess,
    search: {
      ...inTrace,
      skip: /^(?:alloc_skb|netlink_ack|netlink_rcv_skb|_?copy_|instrument_|simple_copy|usb_(?:submit|start_wait|bulk_msg|interrupt_msg|control_msg|internal))/,
    },
  },
]

/** kernel/kcsan/report.c: print_report(), of two functions or, when the other access was not seen, of one. */
const KCSAN: readonly Row[] = [
  {
    match: /BUG: KCSAN: (assert: race in|data-race in|racing) (.*)/,
    title: 'KCSAN: {1} {2}',
    isComplete: true,
  },
]

/** mm/kfence/report.c: kfence_report_error() */
const KFENCE: readonly Row[] = [
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
]

/** What fuzzers print of /sys/kernel/debug/kmemleak: mm/kmemleak.c: print_unreferenced() */
const KMEMLEAK: readonly Row[] = [
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

export const SANITIZER_ROWS: readonly Row[] = [...KASAN, ...KMSAN, ...KCSAN, ...KFENCE, ...KMEMLEAK]

const notUbsan = { ...inTrace, skip: /ubsan|^handle_overflow$/ }
/** The trap names its place on x86 alone; arm64 says it in the registers. */
const whereUbsanTrapped: Search = {
  steps: [new RegExp(`UBSAN: .* at ${AT}`)],
  otherwise: [TRAPPED, TRACE, 'frames'],
}

/** lib/ubsan.c */
export const UBSAN_ROWS: readonly Row[] = [
  // ubsan_prologue(), before v5.7.
  {
    match: /UBSAN: Undefined behaviour in/,
    title: 'UBSAN: undefined-behaviour in {F}',
    search: notUbsan,
  },
  {
    match: /UBSAN: (array-index-out-of-bounds) in \S+:\d/,
    title: 'UBSAN: {1} in {F}',
    also: badAccess,
    search: notUbsan,
  },
  { match: /UBSAN: ([a-z-]+) in \S+:\d/, title: 'UBSAN: {1} in {F}', search: notUbsan },
  // report_ubsan_failure(), with CONFIG_UBSAN_TRAP.
  {
    match: /UBSAN: array index out of bounds/,
    title: 'UBSAN: array-index-out-of-bounds in {F}',
    also: badAccess,
    search: whereUbsanTrapped,
  },
  {
    match: /UBSAN: shift out of bounds/,
    title: 'UBSAN: shift-out-of-bounds in {F}',
    search: whereUbsanTrapped,
  },
  {
    match: /UBSAN: ([a-z][a-z/ ]*[a-z])(?: at |:)/,
    title: 'UBSAN: {1} in {F}',
    search: whereUbsanTrapped,
  },
]
