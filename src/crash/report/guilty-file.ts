/**
 * Files whose functions everybody calls: not where a bug is, but where it was noticed. What finds and prints complaints, memory, locks, lists,
 * scheduling, system calls, and headers.
 */
const NEVER_GUILTY = new RegExp(
  `^(?:\\.\\/)?(?:${[
    'include/|trusty/|arch/[^/]+/(?:include|lib|entry|mm|kernel|boot|vdso)/|drivers/(?:clocksource|irqchip)/',
    'lib/|mm/(?:kasan|kmsan|kfence|slab|slub|slob|util|page_alloc|memory|vmalloc|percpu|mempool|maccess|usercopy|kmemleak|dmapool|gup|fault|filemap|folio-compat|truncate|readahead|swap|sl[aou]b_)',
    'kernel/(?:panic|printk|locking|rcu|sched|time|kcov|kcsan|softirq|workqueue|kthread|stacktrace|hung_task|watchdog|entry|exit|fork|smp|stop_machine|task_work|notifier|kallsyms|module|dma|irq|cpu|signal|bug|context_tracking|trace|fail_function|softlockup)',
    'kernel/events/|block/(?:blk-mq|blk-core|genhd|bdev)\\.c|virt/',
    'fs/(?:read_write|ioctl|file_table|open|namei|inode|dcache|super|namespace|exec|proc|sysfs|kernfs|debugfs|fs-writeback|buffer|splice|file|select|compat_ioctl|compat|readdir|direct-io|seq_file|libfs|stat|sync|fsopen|fs_context|filesystems|statfs)[/.]',
    'net/(?:socket|compat)\\.c|net/core/(?:sock|skbuff|dev|datagram|stream|filter|neighbour|rtnetlink|dev_ioctl|gro|dst|flow_dissector|pktgen)\\.c|net/ipv4/(?:af_inet|udp)\\.c|net/netlink/|net/sched/(?:sch_generic|sch_api|act_api)\\.c',
    'drivers/(?:base/|block/loop|tty/tty_io|tty/n_tty|char/misc|gpu/drm/drm_ioctl|gpu/drm/drm_file|usb/core|acpi/|pci/|virtio/)|sound/core/(?:init|memory|pcm_native)|security/(?:security|commoncap)\\.c|crypto/(?:api|algapi)\\.c|rust/|io_uring/io_uring',
  ].join('|')})`,
)

/** A line that tells of something else than where the kernel was: lockdep's history of interrupts, locks that are held. */
const ASIDE =
  /(?:hardirqs|softirqs) last (?:enabled|disabled)|irq event stamp|^ ?#\d+: |lock(?:ed)? .* at: | at: .*\+0x|^ *(?:Allocated|Freed) by|Workqueue:/

/** No frame is longer. */
const MAX_LINE = 512

const PLACE = /(?:^|[\s(])((?:\.\/)?[\w+-]+(?:\/[\w+.-]+)+\.[chS]):\d+/g

/** The source file to blame, of a report with the places of its functions (`f+0x1/0x2 net/core/sock.c:12`); undefined when it names none. */
export function guiltyFile(text: string): string | undefined {
  const files = text
    .split('\n')
    .map((line) => line.slice(0, MAX_LINE))
    .filter((line) => !ASIDE.test(line))
    .flatMap((line) => [...line.matchAll(PLACE)].map(([, file = '']) => file.replace(/^\.\//, '')))
    // No compiler writes such; who wants to be shown what lies elsewhere does.
    .filter((file) => !file.split('/').includes('..'))
  const first = files.find((file) => !NEVER_GUILTY.test(file))
  if (first === undefined) return files[0]
  return deeper(first, files)
}

/** Of `net/core.c` and `net/foo/bar.c`, further down the stack, the second is more to the point. */
function deeper(file: string, files: readonly string[]): string {
  const dir = file.slice(0, file.lastIndexOf('/') + 1)
  const below = files
    .slice(files.indexOf(file))
    .find(
      (other) =>
        other.startsWith(dir) && other.slice(dir.length).includes('/') && !NEVER_GUILTY.test(other),
    )
  return below ?? file
}
