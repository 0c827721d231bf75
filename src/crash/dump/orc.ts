import type { AddressSpace } from './address-space.ts'
import type { Layout } from './layout.ts'
import { DumpError, MAX_READ, sane } from './source.ts'

/** How to get from a function to its caller, at one instruction (arch/x86/include/asm/orc_types.h). */
export interface OrcEntry {
  readonly spOffset: number
  readonly bpOffset: number
  readonly spReg: number
  readonly bpReg: number
  readonly type: 'call' | 'regs' | 'iret' | 'end'
}

const ENTRY = 6
/** The types at first, and since commit fb799447ae29 ("x86,objtool: Split UNWIND_HINT_EMPTY in two") (v6.4): two more came before the old ones. */
const OLD_TYPES = ['call', 'regs', 'iret'] as const
const NEW_TYPES = ['end', 'end', 'call', 'regs', 'iret'] as const

/** The tables with which the kernel unwinds its stacks (Documentation/arch/x86/orc-unwinder.rst), read from its memory. */
export class OrcTable {
  readonly #ips: Buffer
  readonly #entries: Buffer
  readonly #start: bigint
  readonly #isNew: boolean
  readonly #count: number

  /** Throws DumpError for a kernel without them (CONFIG_UNWINDER_ORC). */
  constructor(memory: AddressSpace, layout: Layout) {
    this.#start = layout.symbol('__start_orc_unwind_ip')
    const size = sane(
      layout.symbol('__stop_orc_unwind_ip') - this.#start,
      MAX_READ / 2,
      'unwind table',
    )
    this.#count = Math.floor(size / 4)
    if (this.#count === 0) throw new DumpError('its kernel has no ORC tables')
    this.#ips = memory.read(this.#start, size)
    this.#entries = memory.read(layout.symbol('__start_orc_unwind'), this.#count * ENTRY)
    this.#isNew = hasNewTypes(this.#entries)
  }

  /** The entry for an instruction; undefined before the first. */
  find(ip: bigint): OrcEntry | undefined {
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#ipOf(middle) <= ip) low = middle + 1
      else high = middle
    }
    return low === 0 ? undefined : this.#entry(low - 1)
  }

  /** The tables are relative to themselves. */
  #ipOf(index: number): bigint {
    return this.#start + BigInt(index * 4 + this.#ips.readInt32LE(index * 4))
  }

  #entry(index: number): OrcEntry {
    const at = index * ENTRY
    const bits = this.#entries.readUInt16LE(at + 4)
    const spReg = bits & 15
    const kind = this.#isNew ? NEW_TYPES[(bits >> 8) & 7] : OLD_TYPES[(bits >> 8) & 3]
    return {
      spOffset: this.#entries.readInt16LE(at),
      bpOffset: this.#entries.readInt16LE(at + 2),
      spReg,
      bpReg: (bits >> 4) & 15,
      type: spReg === 0 ? 'end' : (kind ?? 'end'),
    }
  }
}

/**
 * Which types a table has: almost all entries are calls, which were 0. The new 0 is "undefined", which has no stack pointer to go by; so an entry that
 * has one and is of type 0 is an old call.
 */
export function hasNewTypes(entries: Buffer): boolean {
  for (let at = 0; at + ENTRY <= entries.length; at += ENTRY) {
    const bits = entries.readUInt16LE(at + 4)
    if ((bits & 15) !== 0 && ((bits >> 8) & 7) === 0) return false
  }
  return true
}
