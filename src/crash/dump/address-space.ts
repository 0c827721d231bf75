import { DumpError, MAX_READ, type Dump } from './source.ts'
import type { Vmcoreinfo } from './vmcoreinfo.ts'

/** Where the kernel's image is mapped: __START_KERNEL_map of arch/x86/include/asm/page_64_types.h */
export const IMAGE = 0xffffffff80000000n
const PRESENT = 1n
const LARGE = 0x80n
const FRAME = 0x000ffffffffff000n

/** The kernel's memory as it sees it itself, by its own page tables (x86_64). */
export class AddressSpace {
  readonly #dump: Dump
  readonly #root: number
  readonly #levels: number

  constructor(dump: Dump, info: Vmcoreinfo) {
    this.#dump = dump
    const base = info.number('phys_base')
    if (base === undefined)
      throw new DumpError('its VMCOREINFO does not tell NUMBER(phys_base); klab reads x86_64 dumps')
    const table = info.symbol(info.has('SYMBOL(init_top_pgt)') ? 'init_top_pgt' : 'swapper_pg_dir')
    // The tables are in the image, which lies in one piece.
    this.#root = Number(table - IMAGE + base)
    this.#levels = info.number('pgtable_l5_enabled') === 1n ? 5 : 4
  }

  /** Memory at an address of the kernel. Throws DumpError where nothing is mapped. */
  read(address: bigint, length: number): Buffer {
    if (length < 0 || length > MAX_READ)
      throw new DumpError(`it wants ${length} bytes read at once`)
    const parts: Buffer[] = []
    let from = address
    for (let left = length; left > 0;) {
      const { physical, rest } = this.#translate(from)
      const part = Math.min(left, rest)
      parts.push(this.#dump.readPhysical(physical, part))
      from += BigInt(part)
      left -= part
    }
    return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts)
  }

  long(address: bigint): bigint {
    return this.read(address, 8).readBigUInt64LE()
  }

  int(address: bigint): number {
    return this.read(address, 4).readUInt32LE()
  }

  /** The physical address, and how much is mapped from there on (Intel SDM volume 3A, 4.5). */
  #translate(address: bigint): { physical: number; rest: number } {
    let table = this.#root
    for (let level = this.#levels; level > 0; level--) {
      const shift = BigInt(12 + 9 * (level - 1))
      const index = Number((address >> shift) & 511n)
      const entry = this.#dump.readPhysical(table + index * 8, 8).readBigUInt64LE()
      if ((entry & PRESENT) === 0n) break
      const isLeaf = level === 1 || (level <= 3 && (entry & LARGE) !== 0n)
      if (isLeaf) {
        const size = 1n << shift
        const inside = address & (size - 1n)
        const frame = entry & FRAME & ~(size - 1n)
        return { physical: Number(frame + inside), rest: Math.min(Number(size - inside), MAX_READ) }
      }
      table = Number(entry & FRAME)
    }
    throw new DumpError(`nothing is mapped at 0x${address.toString(16)} in it`)
  }
}
