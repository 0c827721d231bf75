/** The first words of what looks like a complaint and is none, by the word before them. docs/complaints.md has a line of each and why. */
const FALSE = {
  BUG: {
    /** They count what they do not show: mm/page_alloc.c: bad_page(), mm/memory.c: is_bad_page_map_ratelimited() */
    counted: String.raw`Bad page (?:state|map): \d+ messages suppressed`,
    /** A fuzzer, and what memory debugging says of itself (lib/kunit, lib/ubsan tests). */
    tests: String.raw`(?:KASAN: )?(?:no syscalls|if you see this)`,
  },
  WARNING: {
    /** What the machine is, or how it was set up: arch/x86/kernel/cpu/bugs.c, its BIOS, its firmware. */
    machine: String.raw`Spectre|See https?:|kernel not compiled|Unprivileged eBPF|BTB untrained|CPU does not support|retbleed=|ITS mitigation|LFENCE mitigation|IBRS mitigation|SMP operation may be|BIOS bug|bad EFI|bogus zero|polling idle|Missing the following|x1-x3 nonzero|PCI|Estimating|nvram|Forcing PAE|PAE disabled|Ancient bootloader|Outdated|timekeeping: |(?:Under|Over)flow in clocksource|F\/W|OPAL |(?:VPA|DTL|SLB) |ADI tag|IDE timing`,
    /** What will change, or is not as fast as it might be. */
    advice: String.raw`the mand mount option|the dlm |FUNCTION TRACING IS|\w+ is deprecated|sysfs attribute|fbcon:|workqueue cpumask|Flushing system-wide|Unsupported |Support|Using fallback|Multiple |NOT|SPI|Adding|old`,
    /** A setting that does nothing. */
    settings: String.raw`'bootconfig' found|Ignoring|If |If you|Adjusting|Requested queue_map|Domain '`,
    /** A driver of its own hardware. */
    drivers: String.raw`driver \S+ did not|mapping \d+ kB|trying to remove a running|could not|\S+: the ECC|Register write error|g\.e\. `,
    /** Programs: dhclient, sshd, systemd, glibc … */
    userspace:
      "\\/|`|hostname|no |Serial|can't open|unable to |failed to |userspace|arp|Your |The |This ",
  },
  INFO: {
    /** Said of another report, in its midst. */
    parts: String.raw`lockdep is turned off|Stall ended before state dump start|task .* (?:is stuck|is blocked on|<\w+> blocked on)|rcu_\w+ (?:kthread|self-detected stall ended)`,
    /** How long an interrupt took; what a file system does next. */
    notes: String.raw`NMI handler|timekeeping: |recovery required|CRNG|[a-z]+ is enabled|Kernel (?:was|is)`,
    /** Programs, and drivers that tell what they do (drivers/scsi/3w-*.c). */
    programs: String.raw`no syscalls|Failed to|Cannot|Starting|channel \d|\(0x\w+:0x\w+\)|\[rx_new|Defect \d`,
  },
} as const

const after = (word: keyof typeof FALSE) => Object.values(FALSE[word]).join('|')

/** A program that writes to the console, as systemd and syslog name it. No kernel code names itself so. */
const PROGRAM = String.raw`^(?:\S+ ){0,6}[\w.@()-]+\[\d+\]: `

/** Of memory that is reported elsewhere, of a trap that arm64 prints, of hardware. */
export const NO_BUG = new RegExp(
  `BUG: (?:${after('BUG')})|(?:ODEBUG|Oops - BUG|(?:F(?:irmware|IRMWARE)|HW|BIOS) BUG): |${PROGRAM}`,
)
export const NO_WARNING = new RegExp(
  `WARNING: (?:${after('WARNING')})|^[\\w ]+ : WARNING:|${PROGRAM}`,
)
export const NO_INFO = new RegExp(
  `INFO: (?:${after('INFO')})|_INFO::|EXT4-fs|\\(.*\\): INFO: |${PROGRAM}`,
)
