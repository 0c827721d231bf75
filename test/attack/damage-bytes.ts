import { below, oneOf, type Random } from '../support/random.ts'

/** Numbers at which readers go wrong: none, all, the highest of each size, those around pages. */
const NUMBERS = [
  ...[0n, 1n, 2n, 0x7fn, 0x80n, 0xffn, 0x7fffn, 0x8000n, 0xffffn, 0xfffn, 0x1000n, 0x1001n],
  ...[0x7fffffffn, 0x80000000n, 0xffffffffn, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n],
] as const

type Change = (bytes: Buffer, random: Random) => Buffer

const CHANGES: readonly Change[] = [
  (bytes, random) => {
    for (let count = 1 + below(64, random); count > 0; count--)
      bytes[below(bytes.length, random)] = Math.floor(random() * 256)
    return bytes
  },
  (bytes, random) => {
    const size = oneOf([1, 2, 4, 8], random)
    const number = Buffer.alloc(8)
    if (random() < 0.8) number.writeBigUInt64LE(oneOf(NUMBERS, random))
    else number.writeBigUInt64LE(BigInt(below(bytes.length, random)))
    // Fields lie at multiples of their size.
    const at = Math.floor(below(bytes.length, random) / size) * size
    number.copy(bytes, at, 0, size)
    return bytes
  },
  (bytes, random) => bytes.subarray(0, below(bytes.length, random)),
  (bytes, random) => {
    const from = below(bytes.length, random)
    bytes.copyWithin(below(bytes.length, random), from, from + below(4096, random))
    return bytes
  },
  (bytes, random) => {
    const from = below(bytes.length, random)
    return bytes.fill(
      oneOf([0, 0xff, 0x20, 0x0a], random),
      from,
      Math.min(bytes.length, from + below(65_536, random)),
    )
  },
  (bytes, random) => {
    const at = below(bytes.length, random)
    const part = bytes.subarray(at, at + below(4096, random))
    const again = Array.from({ length: 1 + below(16, random) }, () => part)
    return Buffer.concat([bytes.subarray(0, at), ...again, bytes.subarray(at)])
  },
]

/** A copy of a real file as it should not be: changed in one to four ways. */
export function damaged(sound: Buffer, random: Random): Buffer {
  let bytes: Buffer = Buffer.from(sound)
  for (let count = 1 + Math.floor(random() * 4); count > 0 && bytes.length > 0; count--)
    bytes = oneOf(CHANGES, random)(bytes, random)
  return bytes
}
