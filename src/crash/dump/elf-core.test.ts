import { expect, test } from 'vitest'

import { bytesOf } from '../../base/index.ts'
import { readElfCore } from './elf-core.ts'

const HEADER = 64
const ENTRY = 56
/** The number of segments that says: it is in the first section header. */
const PN_XNUM = 0xffff

interface Load {
  readonly physical: number
  readonly text: string
}

/** An ELF core of these pieces of memory. */
function coreOf(loads: readonly Load[]): Buffer {
  const sections = HEADER + loads.length * ENTRY
  const head = Buffer.alloc(sections + 64)
  head.write('\x7fELF\x02\x01\x01', 'latin1')
  head.writeUInt16LE(4, 16)
  head.writeUInt16LE(62, 18)
  head.writeBigUInt64LE(BigInt(HEADER), 32)
  head.writeBigUInt64LE(BigInt(sections), 40)
  head.writeUInt16LE(ENTRY, 54)
  head.writeUInt16LE(PN_XNUM, 56)
  head.writeUInt32LE(loads.length, sections + 44)
  let at = head.length
  for (const [index, { physical, text }] of loads.entries()) {
    const entry = HEADER + index * ENTRY
    head.writeUInt32LE(1, entry)
    head.writeBigUInt64LE(BigInt(at), entry + 8)
    head.writeBigUInt64LE(BigInt(physical), entry + 24)
    head.writeBigUInt64LE(BigInt(text.length), entry + 32)
    at += text.length
  }
  return Buffer.concat([head, Buffer.from(loads.map(({ text }) => text).join(''))])
}

test('memory is read across segments, and from those that lie in each other', () => {
  const core = readElfCore(
    bytesOf(
      coreOf([
        { physical: 104, text: 'ef' },
        { physical: 100, text: 'abcdefgh' },
        { physical: 108, text: 'ijkl' },
      ]),
    ),
  )
  expect(core.readPhysical(102, 8).toString()).toBe('cdefghij')
  expect(() => core.readPhysical(110, 4)).toThrow('it has no memory at 0x70')
  expect(() => core.readPhysical(99, 1)).toThrow('it has no memory at 0x63')
})

test('a file that tells of very many segments is read as quickly', () => {
  const loads = Array.from({ length: 100_000 }, (_, index) => ({ physical: 8 * index, text: 'x' }))
  const core = readElfCore(bytesOf(coreOf(loads)))
  for (let index = 0; index < 100_000; index++) core.readPhysical(8 * index, 1)
  expect(() => core.readPhysical(4, 1)).toThrow('it has no memory')
})
