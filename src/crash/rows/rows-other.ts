import type { Row } from './rows.ts'

/** What is no BUG, WARNING or trap by its first word, and a bug all the same. */
const KERNEL: readonly Row[] = [
  // net/core/dev.c: netdev_wait_allrefs_any()
  {
    match: /unregister_netdevice: waiting for (?:.*) to become free/,
    title: 'unregister_netdevice: waiting for DEV to become free',
    isComplete: true,
  },
  // fs/open.c: filp_flush()
  {
    match: /VFS: Close: file count is (?:0|zero)/,
    title: 'VFS: Close: file count is zero (use-after-free)',
    isComplete: true,
  },
  // fs/super.c: generic_shutdown_super()
  {
    match: /VFS: Busy inodes after unmount/,
    title: 'VFS: Busy inodes after unmount (use-after-free)',
    isComplete: true,
  },
  // arch/x86/boot/compressed/misc.c: extract_kernel(), in the middle of a log.
  { match: /Booting the kernel\./, title: 'unexpected kernel reboot', isComplete: true },
]

/** What is not the kernel: drivers/trusty, programs of fuzzers, the runtime of Go. */
const OTHERS: readonly Row[] = [
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
  // Go's runtime: runtime/panic.go: fatalthrow(); a panic of the program has words of its own.
  {
    match: /fatal error: /,
    body: /goroutine \d+ .*\[[\w ,]+\]:/,
    title: 'go runtime error',
    isComplete: true,
  },
  { match: /(fatal error|panic): (.*)/, title: '{1}: {2}', isComplete: true },
]

export const OTHER_ROWS: readonly Row[] = [...KERNEL, ...OTHERS]
