import { inflateSync, zstdDecompressSync } from 'node:zlib'

import { DumpError, MAX_READ, sane, type Dump, type Source } from './source.ts'

/** Ways to pack a page (makedumpfile, diskdump_mod.h). */
const PACKED = { zlib: 1, lzo: 2, snappy: 4, zstd: 0x20 } as const
const DESCRIPTOR = 24

/** A dump in the format of makedumpfile and QEMU's `kdump-*`: pages, packed one by one, and a bitmap of those that are there. */
export function readKdump(source: Source): Dump {
  const header = source.read(0, 464)
  const block = header.readInt32LE(428)
  if (block !== 4096) throw new DumpError(`its block size is ${block}; klab reads 4096`)
  const subBlocks = sane(header.readInt32LE(432), 1024, 'sub-header')
  const bitmapBlocks = sane(header.readUInt32LE(436), source.size / block, 'bitmap')
  const sub = source.read(block, 104)
  const infoAt = sane(sub.readBigUInt64LE(32), source.size, 'VMCOREINFO')
  const infoSize = sane(sub.readBigUInt64LE(40), 1024 * 1024, 'VMCOREINFO')
  const bitmapAt = (1 + subBlocks) * block
  // Two bitmaps: the memory that there was, and what of it is in the dump.
  const half = Math.floor(bitmapBlocks / 2) * block
  const pages = new PageBitmap(source.read(bitmapAt + half, sane(half, MAX_READ, 'bitmap')))
  const descriptorsAt = bitmapAt + bitmapBlocks * block
  const page = (number: number): Buffer => {
    const index = pages.rank(number)
    if (index === undefined)
      throw new DumpError(`it has no memory at 0x${(number * block).toString(16)}`)
    return readPage(source, descriptorsAt + index * DESCRIPTOR, block)
  }
  return {
    format: 'kdump',
    vmcoreinfo:
      infoSize === 0
        ? undefined
        : source.read(infoAt, infoSize).toString('latin1').replace(/\0+$/, ''),
    readPhysical: (at, length) => {
      const parts: Buffer[] = []
      for (let from = at; from < at + length;) {
        const inside = from % block
        const part = page(Math.floor(from / block)).subarray(inside, inside + at + length - from)
        parts.push(part)
        from += part.length
      }
      return Buffer.concat(parts)
    },
  }
}

function readPage(source: Source, descriptorAt: number, size: number): Buffer {
  const descriptor = source.read(descriptorAt, DESCRIPTOR)
  const at = sane(descriptor.readBigUInt64LE(0), source.size, 'page')
  const packed = source.read(at, sane(descriptor.readUInt32LE(8), 2 * size, 'page'))
  const flags = descriptor.readUInt32LE(12)
  const options = { maxOutputLength: size }
  const unpacked = () => {
    if (flags & PACKED.zlib) return inflateSync(packed, options)
    if (flags & PACKED.zstd) return zstdDecompressSync(packed, options)
    if (flags & (PACKED.lzo | PACKED.snappy))
      throw new DumpError(
        'its pages are packed with lzo or snappy, which klab does not read; dump with zlib',
      )
    return packed
  }
  let page: Buffer
  try {
    page = unpacked()
  } catch (error) {
    if (error instanceof DumpError) throw error
    throw new DumpError('one of its pages cannot be unpacked')
  }
  if (page.length !== size) throw new DumpError('one of its pages is cut off')
  return page
}

/** The numbers of pages that are there, and where among them each stands. */
class PageBitmap {
  readonly #bits: Buffer
  /** How many are before each group of 4096. */
  readonly #before: number[] = [0]

  constructor(bits: Buffer) {
    this.#bits = bits
    let count = 0
    for (let at = 0; at < bits.length; at++) {
      count += ONES[bits[at] ?? 0] ?? 0
      if ((at + 1) % GROUP === 0) this.#before.push(count)
    }
  }

  rank(page: number): number | undefined {
    const byte = Math.floor(page / 8)
    const mask = 1 << (page % 8)
    if (((this.#bits[byte] ?? 0) & mask) === 0) return undefined
    const group = Math.floor(byte / GROUP)
    let rank = this.#before[group] ?? 0
    for (let at = group * GROUP; at < byte; at++) rank += ONES[this.#bits[at] ?? 0] ?? 0
    return rank + (ONES[(this.#bits[byte] ?? 0) & (mask - 1)] ?? 0)
  }
}

const GROUP = 512
const ONES = Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll('0', '').length)
