import { demangle } from './demangle.ts'
import { isGeneric, isOwnOfModule } from './generic-frames.ts'
import { TRAPPED, type Search, type Step } from '../rows/rows.ts'
import { namesOf, withoutClones } from './symbol-names.ts'
import { moduleIn, readFrame, startsTrace } from './trace.ts'

/** The function to blame, as it is called and under other names that it may be known by. */
export interface Blamed {
  readonly name: string
  readonly otherNames: readonly string[]
}

/** Finds the function to blame in a report; undefined when it does not name one. */
export function findBlamed(lines: readonly string[], search: Search): Blamed | undefined {
  for (const steps of [search.steps, search.otherwise]) {
    if (!steps) continue
    for (const names of candidates(lines, steps, search)) {
      const picked = pick(names, search.pick)
      if (picked !== undefined) return blamed(picked, search.pick)
    }
  }
  for (const line of search.lastly ? lines : []) {
    const name = search.lastly?.exec(line)?.[1]
    if (name !== undefined) return blamed(nameOf(name), undefined)
  }
  return undefined
}

/** arm: `[<address>] (f) from [<address>] (caller+0x1/0x2)` */
const CALLED_FROM = / from (?:\[<[0-9a-f]+>\] )?\(?([A-Za-z_][\w.]*)\+0x/

/** lib/fault-inject.c */
const INJECTED = /\bshould_fail(?:slab|_alloc_page)?(?:\.\w+)*\+0x/

/** All functions that may be to blame, in their order; then those of modules alone that are called like some that never are. */
function candidates(
  lines: readonly string[],
  steps: readonly Step[],
  { skip, pick: how }: Search,
): readonly (readonly string[])[] {
  const callers = how === 'stalled'
  const names: string[] = []
  const alike: string[] = []
  let at = 0
  const take = (symbol: string, line: string) => {
    const name = nameOf(symbol)
    if (callers ? CALLERS.test(name) || !isGeneric(name) : !isGeneric(name) && !skip?.test(name))
      names.push(name)
    else if (isOwnOfModule(name, moduleIn(line))) alike.push(name)
  }
  for (const step of steps) {
    if (step === 'frames') {
      let seen = false
      for (; at < lines.length; at++) {
        const line = lines[at] ?? ''
        // Another trace is about something else; `stack backtrace:` is followed by `Call Trace:`.
        if (startsTrace(line)) {
          if (seen) break
          continue
        }
        // Somebody made allocations fail: whatever this trace is, it is another one, mixed in.
        if (INJECTED.test(line)) {
          if (names.length === 0) return [[]]
          break
        }
        const symbol = TRAPPED.exec(line)?.[1] ?? readFrame(line)?.symbol
        if (symbol === undefined) continue
        seen = true
        take(symbol, line)
        const caller = CALLED_FROM.exec(line)?.[1]
        if (caller !== undefined && caller !== names.at(-1)) take(caller, line)
      }
      continue
    }
    let found: RegExpExecArray | null = null
    const from = at
    while (at < lines.length && !found) found = step.exec(lines[at++] ?? '')
    if (found?.[1] !== undefined) take(found[1], found.input)
    // What was not there does not hide what follows.
    if (!found) at = from
  }
  return [names, alike]
}

function nameOf(symbol: string): string {
  return demangle(symbol.replace(/^__cfi_/, '')) ?? withoutClones(symbol)
}

/** Buckets: these are one thing, whichever of them was found. */
const FAMILIES: readonly (readonly [RegExp, string])[] = [
  [/^smp_call_function/, 'smp_call_function'],
  [/^synchronize_(?:rcu|srcu|net|sched)/, 'synchronize_rcu'],
]

function blamed(symbol: string, how: Search['pick']): Blamed {
  const family = how && FAMILIES.find(([match]) => match.test(symbol))?.[1]
  if (family !== undefined) return { name: family, otherNames: family === symbol ? [] : [symbol] }
  const [name = symbol, ...otherNames] = namesOf(symbol)
  return { name, otherNames }
}

function pick(names: readonly string[], how: Search['pick']): string | undefined {
  switch (how) {
    case 'stalled':
      return stalledIn(names)
    case 'waiting':
      return waitingIn(names)
    case undefined:
      return names[0]
  }
}

/**
 * A stall is found wherever in its loop the timer happened to hit. What tells it from others is deeper: the function that was called
 * by one of these, which call anything.
 */
const CALLERS = new RegExp(
  `^(?:${[
    // System calls, and what they do with files.
    'do_syscall_\\w+|do_fast_syscall_\\w+|do_int80_\\w+|el0_svc\\w*|invoke_syscall|ret_fast_syscall|entry_SYSCALL\\w*|system_call\\w*|x64_sys_call',
    '_*vfs_(?:read|write|ioctl|readv|writev|iter_\\w+|fsync\\w*)|ksys_\\w+|do_iter_\\w+|call_(?:read|write)_iter|new_sync_\\w+|do_loop_readv_writev|do_vfs_ioctl|do_splice\\w*|do_readv_writev|iterate_dir|blkdev_ioctl|blkdev_driver_ioctl|block_ioctl|_*blkdev_driver_ioctl|compat_\\w*ioctl\\w*|\\w+_compat_ioctl|_*(?:do|se)_(?:compat_)?sys_ioctl|file_ioctl',
    // What debugfs, sysfs and proc put between a file and its driver.
    'full_proxy_\\w+|(?:debugfs|simple)_attr_\\w+|kernfs_fop_\\w+|sysfs_kf_\\w+|(?:kobj|dev|bus|drv)_attr_(?:show|store)|proc_reg_\\w+|proc_sys_call_handler',
    // Sockets, netlink, packets.
    '_*sys_(?:setsockopt|getsockopt)|sock_(?:sendmsg|do_ioctl|ioctl)\\w*|rtnetlink_rcv_msg|nfnetlink_rcv_\\w+|deliver_skb|_*netif_receive_skb\\w*|napi_poll|_*napi_poll|net_rx_action|process_backlog|dev_hard_start_xmit|xmit_one',
    // Timers, work, threads, softirqs.
    'call_timer_fn|expire_timers|_*run_timers|run_timer_softirq|_*run_hrtimer|_*hrtimer_run_queues|process_one_work|worker_thread|kthread|task_work_run|tasklet_action\\w*|_*do_softirq|handle_softirqs|do_softirq_\\w+|irq_exit\\w*|rcu_do_batch|rcu_core\\w*|exit_to_user\\w*|do_group_exit|do_exit|get_signal|ret_from_fork\\w*|smp_call_function\\w*|do_one_initcall|start_secondary|cleanup_module|bpf_test_run|bpf_prog_test_run\\w*',
  ].join('|')})$`,
)

/** Called by a caller of anything, and telling nothing yet. */
function stalledIn(names: readonly string[]): string | undefined {
  let before = names[0]
  for (const name of names) {
    if (name.startsWith('smp_call_function')) return name
    if (CALLERS.test(name)) {
      if (name !== names[0]) return before
      if (!name.endsWith('_compat_ioctl')) return undefined
    }
    before = name
  }
  return undefined
}

/** How tasks wait: kernel/sched, kernel/locking, include/linux/wait.h. */
const WAITING =
  /sched|_lock$|_slowlock|down|rwsem|wait|sleep|completion|kthread|_io$|synchronize|context_switch|bit_|lock_page|folio_/

function waitingIn(names: readonly string[]): string | undefined {
  return (
    names.find((name) => name === 'rtnl_lock') ??
    names.find((name) => /^synchronize_(?:rcu|srcu|net|sched)/.test(name)) ??
    names.find((name) => !WAITING.test(name))
  )
}
