import { READABLE, type ArchFacts } from '../arch/arch.ts'
import { DumpError, MAX_READ, type Dump } from './source.ts'
import type { Vmcoreinfo } from './vmcoreinfo.ts'

/** An entry of a page table, in bytes. */
const ENTRY = 8

/** The kernel's memory as it sees it itself, by its own page tables. */
export class AddressSpace {
  readonly arch: ArchFacts
  readonly #dump: Dump
  readonly #root: number
  readonly #levels: number

  constructor(dump: Dump, info: Vmcoreinfo) {
    this.#dump = dump
    this.arch = dump.arch
    const { image, pages } = dump.arch
    const base = info.number(image.physicalBase)
    if (base === undefined)
      throw new DumpError(
        `its VMCOREINFO does not tell NUMBER(${image.physicalBase}); klab reads ${READABLE} dumps`,
      )
    const root = pages.roots.find((name) => info.has(`SYMBOL(${name})`)) ?? pages.roots.at(-1) ?? ''
    // The tables are in the image, which lies in one piece.
    this.#root = Number(info.symbol(root) - image.start + base)
    this.#levels = pages.levels((name) => info.number(name))
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

  /** The physical address, and how much is mapped from there on. */
  #translate(address: bigint): { physical: number; rest: number } {
    const { bits, present, large, frame } = this.arch.pages
    const indices = (1n << BigInt(bits.level)) - 1n
    let table = this.#root
    for (let level = this.#levels; level > 0; level--) {
      const shift = BigInt(bits.offset + bits.level * (level - 1))
      const index = Number((address >> shift) & indices)
      const entry = this.#dump.readPhysical(table + index * ENTRY, ENTRY).readBigUInt64LE()
      if ((entry & present) === 0n) break
      const isLeaf = level === 1 || (level <= large.upTo && (entry & large.bit) !== 0n)
      if (isLeaf) {
        const size = 1n << shift
        const inside = address & (size - 1n)
        const start = entry & frame & ~(size - 1n)
        return { physical: Number(start + inside), rest: Math.min(Number(size - inside), MAX_READ) }
      }
      table = Number(entry & frame)
    }
    throw new DumpError(`nothing is mapped at 0x${address.toString(16)} in it`)
  }
}
