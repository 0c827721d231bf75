import { roleOf } from '../roles/role.ts'
import { withoutClones } from './symbol-names.ts'

/**
 * Files that serve whole subsystems: where a bug of their clients is noticed. What functions are for (roles.txt) says it of most of them,
 * and in these even the functions that have no role of their own.
 */
const SERVES = new RegExp(
  `^(?:${[
    // Headers; the code of another system that called us.
    'include/|trusty/',
    // The machine, the C library of the kernel.
    'arch/[^/]+/(?:include|lib|entry|mm|kernel|boot)/|lib/',
    'mm/(?:kasan|kmsan|kfence|slab|slub|slob|util|page_alloc|memory|vmalloc|percpu|kmemleak|maccess|usercopy|mempool|dmapool|truncate|filemap|folio-compat|swap|gup)',
    'kernel/(?:panic|printk|locking|rcu|sched|time|kcov|kcsan|softirq|workqueue|kthread|stacktrace|hung_task|watchdog|entry|irq|fork|exit|smp|task_work|notifier|kallsyms|stop_machine|cpu|dma)',
    // The cores that all drivers, file systems and protocols are plugged into.
    'drivers/(?:base|clocksource|irqchip|usb/core)/',
    'fs/(?:proc|sysfs|kernfs|debugfs)/|net/(?:socket|compat)\\.c|net/core/(?:sock|skbuff|dev|datagram|stream)\\.c',
  ].join('|')})`,
)

/** A line that tells of something else than where the kernel was: lockdep's history of interrupts, locks that are held. */
const ASIDE =
  /(?:hardirqs|softirqs) last (?:enabled|disabled)|irq event stamp|^ ?#\d+: |lock(?:ed)? .* at: | at: .*\+0x|^ *(?:Allocated|Freed) by|Workqueue:/

/** No frame is longer. */
const MAX_LINE = 512

/** A function, where the line names one, and its place: `f+0x1/0x2 net/core/sock.c:12` or `f net/core/sock.c:12 [inline]`. */
const PLACE =
  /(?:(?:^|[\s(])([A-Za-z_][\w.]*)(?:\+0x[0-9a-f]+\/0x[0-9a-f]+)?)?(?:^|[\s(])((?:\.\/)?[\w+-]+(?:\/[\w+.-]+)+\.[chS]):\d+/g

interface Candidate {
  readonly file: string
  /** Its function does things for others. */
  readonly isMachinery: boolean
}

/** The source file to blame, of a report with the places of its functions; undefined when it names none. */
export function guiltyFile(text: string): string | undefined {
  const candidates = text
    .split('\n')
    .map((line) => line.slice(0, MAX_LINE))
    .filter((line) => !ASIDE.test(line))
    .flatMap((line) => [...line.matchAll(PLACE)].map(candidate))
    .filter((one) => one !== undefined)
  const own = candidates.filter(({ isMachinery }) => !isMachinery).map(({ file }) => file)
  const first = own.find((file) => !SERVES.test(file))
  return first === undefined ? (own[0] ?? candidates[0]?.file) : deeper(first, own)
}

function candidate([, symbol, path = '']: RegExpMatchArray): Candidate | undefined {
  const file = normalised(path)
  if (file === undefined) return undefined
  const isMachinery = symbol !== undefined && roleOf(withoutClones(symbol)) !== undefined
  return { file, isMachinery }
}

/** `arch/x86/kvm/../../../virt/kvm/eventfd.c` is `virt/kvm/eventfd.c`, as compilers write it for sources of another directory; undefined for what leads out of the tree. */
function normalised(path: string): string | undefined {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '..') {
      if (parts.pop() === undefined) return undefined
    } else if (part !== '.') parts.push(part)
  }
  return parts.join('/')
}

/** Of `net/core.c` and `net/foo/bar.c`, further down the stack, the second is more to the point. */
function deeper(file: string, files: readonly string[]): string {
  const dir = file.slice(0, file.lastIndexOf('/') + 1)
  const below = files
    .slice(files.indexOf(file))
    .find(
      (other) =>
        other.startsWith(dir) && other.slice(dir.length).includes('/') && !SERVES.test(other),
    )
  return below ?? file
}
