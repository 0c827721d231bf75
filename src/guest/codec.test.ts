import * as fc from 'fast-check'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

import { decodePayload, encode, FrameReader, ProtocolError } from './codec.ts'
import { HEADER_BYTES, MAX_GUEST_PAYLOAD, type Message } from './protocol.ts'
import { protocolHeader } from './protocol-header.ts'

test('the checked-in header is the one that the table gives', () => {
  expect(readFileSync('guest/protocol.h', 'utf8')).toBe(protocolHeader())
})

// Golden bytes: an agent frozen in a template, or shipped in a package, must still be understood.
const GOLDEN: readonly [Message, string][] = [
  [{ name: 'hello', stream: 1, version: 1 }, '040000000100000001000000' + '01000000'],
  [{ name: 'stdin', stream: 7, data: Buffer.from('hi') }, '020000000700000007000000' + '6869'],
  [
    { name: 'credit', stream: 2, fd: 1, bytes: 65536 },
    '080000000a00000002000000' + '0100000000000100',
  ],
  [
    { name: 'exited', stream: 3, code: -1, signal: 9, maxRssKiB: 1n, cpuMs: 2n },
    '180000000d00000003000000' + 'ffffffff' + '09000000' + '0100000000000000' + '0200000000000000',
  ],
  [
    { name: 'done', stream: 4, errno: 2, what: Buffer.from('open') },
    '0c0000000e00000004000000' + '02000000' + '04000000' + '6f70656e',
  ],
]
for (const [message, hex] of GOLDEN) {
  test(`${message.name} has its golden bytes`, () => {
    expect(encode(message).toString('hex')).toBe(hex)
  })
}

const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array))
const u32 = fc.nat(0xffff_ffff)
const fromGuest: fc.Arbitrary<Message> = fc.oneof(
  fc.record({ name: fc.constant('stdout' as const), stream: u32, data: bytes }),
  fc.record({ name: fc.constant('done' as const), stream: u32, errno: u32, what: bytes }),
  fc.record({
    name: fc.constant('ready' as const),
    stream: u32,
    version: u32,
    uptimeMs: fc.bigInt(0n, 2n ** 64n - 1n),
    release: bytes,
    notes: fc.array(bytes, { maxLength: 5 }),
  }),
)

describe('frames', () => {
  test('come out as they went in, however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fromGuest, { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 40 })),
        (messages, cuts) => {
          const stream = Buffer.concat(messages.map(encode))
          const reader = new FrameReader('guest')
          const seen: Message[] = []
          let at = 0
          for (const cut of [...cuts, stream.length]) {
            seen.push(...reader.push(stream.subarray(at, at + cut)))
            at += cut
          }
          expect(seen).toEqual(messages)
        },
      ),
    )
  })

  test('any bytes are messages or a ProtocolError, never another error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (noise) => {
        try {
          new FrameReader('guest').push(Buffer.from(noise))
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError)
        }
      }),
    )
  })

  test.each([
    ['a length beyond the limit', header(MAX_GUEST_PAYLOAD + 1, 8)],
    ['a type that does not exist', header(0, 999)],
    ['a type that only the host sends', header(0, 5)],
    [
      'a list that claims 4 billion entries',
      Buffer.concat([header(24, 2), Buffer.alloc(20), Buffer.from('ffffffff', 'hex')]),
    ],
    ['bytes left over', Buffer.concat([header(12, 4), Buffer.alloc(12)])],
  ])('%s is refused', (_, frame) => {
    expect(() => new FrameReader('guest').push(frame)).toThrow(ProtocolError)
  })

  test('a payload that ends in the middle of a field is refused', () => {
    expect(() => decodePayload('done', 1, Buffer.from('0000000005000000', 'hex'))).toThrow(
      ProtocolError,
    )
  })
})

function header(length: number, type: number): Buffer {
  const buffer = Buffer.alloc(HEADER_BYTES)
  buffer.writeUInt32LE(length, 0)
  buffer.writeUInt16LE(type, 4)
  return buffer
}
