import { inflateSync, zstdDecompressSync } from 'node:zlib'

import { archFacts, DEFAULT_ARCH, type ArchFacts } from '../arch/arch.ts'
import { unpackLzo } from './lzo.ts'
import { PageBitmap, type PageRun } from './page-bitmap.ts'
import { registersIn } from './registers.ts'
import { unpackSnappy } from './snappy.ts'
import { DumpError, MAX_READ, sane, type Dump, type Source } from './source.ts'

/** Ways to pack a page (makedumpfile, diskdump_mod.h). */
const PACKED = { zlib: 1, lzo: 2, snappy: 4, zstd: 0x20 } as const
const DESCRIPTOR = 24
export const PAGE = 4096

/** Where the content of a page is in the file, and how it is packed. */
interface Packed {
  readonly at: number
  readonly size: number
  readonly flags: number
}

/** A file in the format of makedumpfile and QEMU's `kdump-*`: pages, packed one by one, and bitmaps of those that there were and those that are there. */
export class Kdump {
  /** Such a file has no number for it; the kernel's description of itself tells whether it is true. */
  readonly arch: ArchFacts = archFacts(DEFAULT_ARCH)
  readonly notes: Buffer
  readonly vmcoreinfo: string | undefined
  readonly #source: Source
  readonly #memory: PageBitmap
  readonly #pages: PageBitmap
  readonly #descriptorsAt: number

  /** Throws DumpError for what cannot be. */
  constructor(source: Source) {
    this.#source = source
    const header = source.read(0, 464)
    const block = header.readInt32LE(428)
    if (block !== PAGE) throw new DumpError(`its block size is ${block}; klab reads ${PAGE}`)
    const subBlocks = sane(header.readInt32LE(432), 1024, 'sub-header')
    const bitmapBlocks = sane(header.readUInt32LE(436), source.size / block, 'bitmap')
    const sub = source.read(block, 104)
    const piece = (offset: number, what: string) => {
      const at = sane(sub.readBigUInt64LE(offset), source.size, what)
      const size = sane(sub.readBigUInt64LE(offset + 8), 1024 * 1024, what)
      return size === 0 ? Buffer.alloc(0) : source.read(at, size)
    }
    const info = piece(32, 'VMCOREINFO')
    this.vmcoreinfo = info.length === 0 ? undefined : info.toString('latin1').replace(/\0+$/, '')
    this.notes = piece(48, 'notes')
    const bitmapAt = (1 + subBlocks) * block
    const half = sane(Math.floor(bitmapBlocks / 2) * block, MAX_READ, 'bitmap')
    this.#memory = new PageBitmap(source.read(bitmapAt, half))
    this.#pages = new PageBitmap(source.read(bitmapAt + half, half))
    this.#descriptorsAt = bitmapAt + bitmapBlocks * block
  }

  /** The memory that the machine had, in runs of pages. */
  memory(): PageRun[] {
    return this.#memory.runs()
  }

  /** A page by its number. Throws DumpError when the dump does not have it, or it cannot be unpacked. */
  page(number: number): Buffer {
    const index = this.#pages.rank(number)
    if (index === undefined)
      throw new DumpError(`it has no memory at 0x${(number * PAGE).toString(16)}`)
    const descriptor = this.#source.read(this.#descriptorsAt + index * DESCRIPTOR, DESCRIPTOR)
    return this.#unpack(packedAt(descriptor, 0))
  }

  /** All pages that are there and not empty, in their order. Pages with the same content may be one in the file, as QEMU keeps the empty ones. */
  *filled(): Generator<{ readonly number: number; readonly content: Buffer }> {
    const descriptors = this.#source.read(
      this.#descriptorsAt,
      sane(this.#pages.count * DESCRIPTOR, 4 * MAX_READ, 'table of pages'),
    )
    /** Where empty pages are in the file. */
    const empty = new Set<number>()
    let index = 0
    for (const { first, count } of this.#pages.runs()) {
      for (let number = first; number < first + count; number++) {
        const packed = packedAt(descriptors, index++ * DESCRIPTOR)
        if (empty.has(packed.at)) continue
        const content = this.#unpack(packed)
        if (content.equals(ZERO)) empty.add(packed.at)
        else yield { number, content }
      }
    }
  }

  #unpack({ at, size, flags }: Packed): Buffer {
    sane(at, this.#source.size, 'page')
    const packed = this.#source.read(at, sane(size, 2 * PAGE, 'page'))
    const page = unpack(packed, flags)
    if (page.length !== PAGE) throw new DumpError('one of its pages is cut off')
    return page
  }
}

const ZERO = Buffer.alloc(PAGE)

function packedAt(descriptors: Buffer, offset: number): Packed {
  return {
    // More than a file has is noticed when it is read.
    at: Number(descriptors.readBigUInt64LE(offset)),
    size: descriptors.readUInt32LE(offset + 8),
    flags: descriptors.readUInt32LE(offset + 12),
  }
}

function unpack(packed: Buffer, flags: number): Buffer {
  const options = { maxOutputLength: PAGE }
  try {
    if (flags & PACKED.zlib) return inflateSync(packed, options)
    if (flags & PACKED.lzo) return unpackLzo(packed, PAGE)
    if (flags & PACKED.snappy) return unpackSnappy(packed, PAGE)
    if (flags & PACKED.zstd) return zstdDecompressSync(packed, options)
    return packed
  } catch {
    throw new DumpError('one of its pages cannot be unpacked')
  }
}

/** Pages, 2 MiB of them. */
const RECENT = 512

/** A kdump file as any dump. */
export function readKdump(source: Source): Dump {
  const kdump = new Kdump(source)
  /** The pages that were read last: structures are read field by field. */
  const recent = new Map<number, Buffer>()
  const pageOf = (number: number) => {
    const known = recent.get(number)
    if (known) return known
    const page = kdump.page(number)
    const [oldest] = recent.keys()
    if (recent.size >= RECENT && oldest !== undefined) recent.delete(oldest)
    recent.set(number, page)
    return page
  }
  return {
    format: 'kdump',
    arch: kdump.arch,
    vmcoreinfo: kdump.vmcoreinfo,
    registers: registersIn(kdump.arch, kdump.notes),
    readPhysical: (at, length) => {
      const parts: Buffer[] = []
      for (let from = at; from < at + length;) {
        const inside = from % PAGE
        const page = pageOf(Math.floor(from / PAGE))
        const part = page.subarray(inside, inside + at + length - from)
        parts.push(part)
        from += part.length
      }
      return Buffer.concat(parts)
    },
  }
}
