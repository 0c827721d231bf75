/** Of registers as memory has them: where each is, in bytes. */
interface RegisterPlaces {
  readonly size: number
  readonly pc: number
  readonly fp: number
  /** Further ones that an unwinder asks for, by their names. */
  readonly others: Readonly<Record<string, number>>
}

/** What the architecture of a kernel decides where its memory and its reports are read. All of them are 64-bit and little-endian. */
export interface ArchFacts {
  /** e_machine (elf(5)). */
  readonly elfMachine: number
  /** What a trap puts on the stack. Notes of dumps have the same (struct elf_prstatus), from `inPrstatus` on. */
  readonly registers: RegisterPlaces & {
    readonly sp: number
    readonly inPrstatus: number
    /** The 16 bits that tell user space, by those of `mask`. */
    readonly mode: { readonly at: number; readonly mask: number }
  }
  /** What a task that does not run has on its stack; `size` behind it is its stack pointer. */
  readonly sleeping: RegisterPlaces
  /** Where struct task_struct keeps the stack pointer of such a task. */
  readonly savedStackPointer: string
  /** The variable of a CPU that is the task which it runs, by the first of these that a kernel has. */
  readonly currentTask: readonly string[]
  /** How its stacks are unwound. */
  readonly unwinder: 'orc'
  /** The first address of the kernel's half. */
  readonly kernelStart: bigint
  readonly image: {
    /** Where the kernel's image is mapped, before KASLR moves it. */
    readonly start: bigint
    /** KASLR moves it within this, by multiples of `step`. */
    readonly window: bigint
    readonly step: bigint
    /** What VMCOREINFO tells of where it is in memory; a dump that does not tell is of another architecture. */
    readonly physicalBase: string
  }
  readonly pages: {
    readonly size: number
    /** The symbols of the uppermost page table, newest first: the first that a kernel has. */
    readonly roots: readonly string[]
    /** How many levels they have, by numbers of VMCOREINFO. */
    readonly levels: (number: (name: string) => bigint | undefined) => number
    /** Of an address, for the offset in a page and for each level. */
    readonly bits: { readonly offset: number; readonly level: number }
    /** Of an entry: whether it leads on, whether it is a large page (up to which level there are such), and where it leads to. */
    readonly present: bigint
    readonly large: { readonly bit: bigint; readonly upTo: number }
    readonly frame: bigint
  }
  readonly code: {
    /** The bytes of instructions in a report, as the first group. */
    readonly line: RegExp
    /** The longest instruction: where among the first bytes one begins is not known. */
    readonly longest: number
    /** For objdump's `-m`. */
    readonly objdump: string
  }
}

/** The architectures whose dumps klab reads: one row each. */
const ARCHES = {
  x86_64: {
    elfMachine: 62,
    // struct pt_regs of arch/x86/include/asm/ptrace.h; user_regs_struct begins in the same way.
    registers: {
      ...{ size: 168, inPrstatus: 112, pc: 128, sp: 152, fp: 32 },
      mode: { at: 136, mask: 3 },
      others: { r13: 16, r10: 56, dx: 96, di: 112 },
    },
    // struct inactive_task_frame of arch/x86/include/asm/switch_to.h.
    sleeping: { size: 56, fp: 40, pc: 48, others: { r13: 16 } },
    savedStackPointer: 'thread.sp',
    // From 6.2 to 6.14 it is the first of what is used most.
    currentTask: ['pcpu_hot', 'current_task'],
    unwinder: 'orc',
    // The upper half of the canonical addresses.
    kernelStart: 0xffff800000000000n,
    // arch/x86/include/asm/page_64_types.h: __START_KERNEL_map, KERNEL_IMAGE_SIZE; CONFIG_PHYSICAL_ALIGN is never less than the step.
    image: {
      ...{ start: 0xffffffff80000000n, window: 1n << 30n, step: 2n << 20n },
      physicalBase: 'phys_base',
    },
    // Intel SDM volume 3A, 4.5.
    pages: {
      size: 4096,
      roots: ['init_top_pgt', 'swapper_pg_dir'],
      levels: (number) => (number('pgtable_l5_enabled') === 1n ? 5 : 4),
      bits: { offset: 12, level: 9 },
      present: 1n,
      large: { bit: 0x80n, upTo: 3 },
      frame: 0x000ffffffffff000n,
    },
    code: {
      // show_opcodes() in arch/x86/kernel/dumpstack.c. Of the kernel: in user space (segment 0033) the interesting part is elsewhere.
      line: /^RIP: 0010:.*\nCode: ((?:[0-9a-f]{2} |<[0-9a-f]{2}> ?)+[0-9a-f]{0,2}) *$/m,
      longest: 15,
      objdump: 'i386:x86-64',
    },
  },
} as const satisfies Record<string, ArchFacts>

export type Arch = keyof typeof ARCHES

/** The one that dumps are of which do not tell. */
export const DEFAULT_ARCH: Arch = 'x86_64'

/** For people. */
export const READABLE = Object.keys(ARCHES).join(', ')

const ROWS: readonly ArchFacts[] = Object.values(ARCHES)

export function archFacts(arch: Arch): ArchFacts {
  return ARCHES[arch]
}

/** By the machine number of an ELF file; undefined for one that klab does not read. */
export function archOfElf(machine: number): ArchFacts | undefined {
  return ROWS.find(({ elfMachine }) => elfMachine === machine)
}

/** Whose report has the bytes of instructions, and these; undefined when there are none, or when they could not be read (`Bad RIP value`). */
export function codeLineOf(
  text: string,
): { readonly code: ArchFacts['code']; readonly bytes: string } | undefined {
  for (const { code } of ROWS) {
    const bytes = code.line.exec(text)?.[1]
    if (bytes !== undefined) return { code, bytes }
  }
  return undefined
}
