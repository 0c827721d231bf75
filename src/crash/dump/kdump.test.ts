import { deflateSync, zstdCompressSync } from 'node:zlib'
import snappy from 'snappyjs'
import { describe, expect, test } from 'vitest'

import { Kdump, PAGE } from './kdump.ts'
import { unpackLzo } from './lzo.ts'
import { unpackSnappy } from './snappy.ts'
import { DumpError } from './source.ts'

const TEXT = Buffer.alloc(PAGE, 'a page of text that repeats itself, ')

/** Each kind of instruction that fits into a page (distances of 16 KiB and more do not). */
const STREAM = Buffer.from([
  ...[17 + 4, ...Buffer.from('abcd')],
  // 1LLDDDSS: 8 bytes from 4 before, and 2 literals.
  ...[0b1110_1110, 0, ...Buffer.from('xy')],
  // After two literals, 0000DDSS: 2 bytes from 2 before, and 1 literal.
  ...[0b0000_0101, 0, 0x7a],
  // 001LLLLL with a length of its own: 2 + 31 + 255 + 100 bytes from 17 before.
  ...[0b0010_0000, 0, 100, 16 << 2, 0],
  // A run of 3 + 15 + 2.
  ...[0, 2, ...Buffer.from('01234567890123456789')],
  // 01LDDDSS: 4 bytes from 20 before.
  ...[0b0110_1100, 2],
  // The end.
  ...[0b0001_0001, 0, 0],
])

describe('lzo', () => {
  test('is unpacked', () => {
    const begin = 'abcdabcdabcdxyxyz'
    const repeated = begin.repeat(30).slice(0, begin.length + 388)
    const run = '01234567890123456789'
    expect(unpackLzo(STREAM, PAGE).toString()).toBe(`${repeated}${run}${run.slice(0, 4)}`)
  })
})

/** Literals, a copy of each size of offset, and a literal whose length has a byte of its own. */
const SNAPPY = Buffer.from([
  ...[4 + 5 + 6 + 7 + 70, 3 << 2, ...Buffer.from('abcd')],
  ...[((5 - 4) << 2) | 1, 4],
  ...[((6 - 1) << 2) | 2, 3, 0],
  ...[((7 - 1) << 2) | 3, 2, 0, 0, 0],
  ...[60 << 2, 69, ...Buffer.from('x'.repeat(70))],
])

test('snappy is unpacked', () => {
  const text = unpackSnappy(SNAPPY, PAGE).toString()
  expect(text).toBe(`abcdabcdacdacdadadadad${'x'.repeat(70)}`)
})

describe.each([
  ['lzo', STREAM, unpackLzo],
  ['snappy', SNAPPY, unpackSnappy],
])('%s', (_name, stream, unpack) => {
  test('is never believed', () => {
    let refused = 0
    for (let seed = 1; seed <= 20_000; seed++) {
      const bytes = Buffer.from(stream).subarray(0, 5 + (seed % (stream.length - 5)))
      for (let change = 0; change < 3; change++)
        bytes[(seed * 7919 + change * 31) % bytes.length] = (seed * 131 + change * 89) & 0xff
      try {
        expect(unpack(bytes, PAGE).length).toBeLessThanOrEqual(PAGE)
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError)
        refused++
      }
    }
    expect(refused).toBeGreaterThan(1000)
  })
})

test('a length of snappy that would go backwards is refused', () => {
  const bytes = Buffer.from([0x80, 0x20, 0xfc, 0xfa, 0xff, 0xff, 0xff, 0, 0, 0, 0])
  expect(() => unpackSnappy(bytes, PAGE)).toThrow(RangeError)
})

/** A kdump file of one page (makedumpfile's diskdump_mod.h): headers, two bitmaps, a descriptor, the page. */
function kdumpOf(packed: Buffer, flags: number): Kdump {
  const file = Buffer.alloc(5 * PAGE + packed.length)
  file.write('KDUMP   ', 'latin1')
  file.writeInt32LE(PAGE, 428)
  file.writeInt32LE(1, 432)
  file.writeUInt32LE(2, 436)
  file[2 * PAGE] = 1
  file[3 * PAGE] = 1
  file.writeBigUInt64LE(BigInt(5 * PAGE), 4 * PAGE)
  file.writeUInt32LE(packed.length, 4 * PAGE + 8)
  file.writeUInt32LE(flags, 4 * PAGE + 12)
  packed.copy(file, 5 * PAGE)
  return new Kdump({
    size: file.length,
    read: (at, length) => file.subarray(at, at + length),
  })
}

describe('pages of a kdump file', () => {
  test.each([
    ['plain', 0, TEXT],
    ['zlib', 1, deflateSync(TEXT)],
    ['snappy', 4, snappy.compress(TEXT)],
    ['zstd', 0x20, zstdCompressSync(TEXT)],
  ])('are unpacked: %s', (_name, flags, packed) => {
    expect(kdumpOf(packed, flags).page(0)).toEqual(TEXT)
  })

  test.each([
    ['zlib', 1, deflateSync],
    ['snappy', 4, (bytes: Buffer) => snappy.compress(bytes)],
    ['zstd', 0x20, zstdCompressSync],
  ])('that are longer than a page are refused: %s', (_name, flags, pack) => {
    const packed = pack(Buffer.alloc(64 * PAGE))
    expect(() => kdumpOf(packed, flags).page(0)).toThrow(DumpError)
    expect(() => kdumpOf(packed.subarray(0, 5), flags).page(0)).toThrow(DumpError)
    expect(() => kdumpOf(Buffer.alloc(40, 0xa5), flags).page(0)).toThrow(DumpError)
  })
})
