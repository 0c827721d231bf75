import { array, assert, nat, property, tuple } from 'fast-check'
import { describe, expect, test } from 'vitest'

import { bytesOf, FormatError } from './bytes.ts'
import { elfBuildId, elfHeader, elfSection, elfSegments } from './elf.ts'

const NOTE_AT = 64 + 56
const NOTE = Buffer.from('0400000004000000030000' + '00' + '474e5500' + 'deadbeef', 'hex')
const NAMES = Buffer.from('\0.shstrtab\0.modinfo\0.empty\0', 'latin1')
const TEXT = Buffer.from('license=GPL\0', 'latin1')

/** A file with one note, and sections for names, text, and one without content. */
function elf(change: (bytes: Buffer) => void = () => undefined): Buffer {
  const namesAt = NOTE_AT + NOTE.length
  const textAt = namesAt + NAMES.length
  const sectionsAt = textAt + TEXT.length
  const bytes = Buffer.alloc(sectionsAt + 4 * 64)
  Buffer.from('7f454c46020101', 'hex').copy(bytes)
  bytes.writeUInt16LE(2, 16)
  bytes.writeUInt16LE(62, 18)
  bytes.writeBigUInt64LE(64n, 32)
  bytes.writeBigUInt64LE(BigInt(sectionsAt), 40)
  for (const [at, value] of [
    [54, 56],
    [56, 1],
    [58, 64],
    [60, 4],
    [62, 1],
  ] as const)
    bytes.writeUInt16LE(value, at)
  bytes.writeUInt32LE(4, 64)
  bytes.writeBigUInt64LE(BigInt(NOTE_AT), 64 + 8)
  bytes.writeBigUInt64LE(BigInt(NOTE.length), 64 + 32)
  NOTE.copy(bytes, NOTE_AT)
  NAMES.copy(bytes, namesAt)
  TEXT.copy(bytes, textAt)
  const sections = [
    [0, 0, 0, 0],
    [1, 3, namesAt, NAMES.length],
    [11, 1, textAt, TEXT.length],
    [20, 8, textAt, 1 << 30],
  ] as const
  for (const [index, [name, type, at, size]] of sections.entries()) {
    const from = sectionsAt + index * 64
    bytes.writeUInt32LE(name, from)
    bytes.writeUInt32LE(type, from + 4)
    bytes.writeBigUInt64LE(BigInt(at), from + 24)
    bytes.writeBigUInt64LE(BigInt(size), from + 32)
  }
  change(bytes)
  return bytes
}

test('a file is read: what it is, its segments, sections, and its build id', () => {
  const bytes = bytesOf(elf())
  expect(elfHeader(bytes)).toEqual({ type: 2, machine: 62 })
  expect(elfSegments(bytes)).toEqual([{ type: 4, at: NOTE_AT, physical: 0, fileSize: NOTE.length }])
  expect(elfSection(bytes, '.modinfo')?.toString()).toBe('license=GPL\0')
  expect(elfSection(bytes, '.text')).toBeUndefined()
  // What has no content in the file is not read, however large it says that it is.
  expect(elfSection(bytes, '.empty')).toBeUndefined()
  expect(elfBuildId(bytes)).toBe('deadbeef')
})

describe('a file that cannot be is refused in a sentence', () => {
  test.each<[string, Buffer, RegExp]>([
    ['text', Buffer.alloc(100, 'x'), /it is not a 64-bit little-endian ELF file/],
    ['nothing', Buffer.alloc(0), /it is not a 64-bit little-endian ELF file/],
    ['32 bits', elf((b) => b.writeUInt8(1, 4)), /it is not a 64-bit little-endian ELF file/],
    ['a table far away', elf((b) => b.writeBigUInt64LE(1n << 40n, 40)), /section header table is/],
    ['more sections than bytes', elf((b) => b.writeUInt16LE(60_000, 60)), /it is cut off/],
    ['sections of no size', elf((b) => b.writeUInt16LE(1, 58)), /section headers are too short/],
    ['no names', elf((b) => b.writeUInt16LE(99, 62)), /its sections have no names/],
  ])('%s', (_, bytes, reason) => {
    expect(() => elfSection(bytesOf(bytes), '.modinfo')).toThrow(reason)
  })
})

test('no damage leads to anything but a sentence', () => {
  const whole = elf()
  const damage = array(tuple(nat(whole.length - 1), nat(255)), { maxLength: 8 })
  const holds = property(damage, nat(whole.length), (changes, length) => {
    const damaged = Buffer.from(whole)
    for (const [at, value] of changes) damaged[at] = value
    const bytes = bytesOf(damaged.subarray(0, length))
    for (const read of [elfBuildId, elfSegments, () => elfSection(bytes, '.modinfo')])
      expect(failureOf(() => read(bytes))).toBeUndefined()
  })
  assert(holds, { numRuns: 2_000 })
})

/** What was thrown, if it is no sentence. */
function failureOf(read: () => unknown): unknown {
  try {
    read()
    return undefined
  } catch (error) {
    return error instanceof FormatError ? undefined : error
  }
}
