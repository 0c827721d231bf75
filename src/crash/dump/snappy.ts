import { Packed, Unpacked } from './unpacking.ts'

/**
 * Unpacks a raw snappy stream (format_description.txt of google/snappy). The result has at most `limit` bytes, and takes time linear in that
 * and the input. Throws RangeError for what is no such stream.
 */
export function unpackSnappy(packed: Buffer, limit: number): Buffer {
  const input = new Packed(packed)
  const output = new Unpacked(limit)
  const length = lengthOf(input)
  while (!input.isOver) {
    const tag = input.byte()
    const upper = tag >> 2
    switch (tag & 3) {
      case 0:
        // Above 59 it says how many bytes have the length.
        output.take(input, 1 + (upper < 60 ? upper : input.number(upper - 59)))
        break
      case 1:
        output.repeat(((tag >> 5) << 8) | input.byte(), 4 + (upper & 7))
        break
      case 2:
        output.repeat(input.number(2), 1 + upper)
        break
      case 3:
        output.repeat(input.number(4), 1 + upper)
    }
  }
  const unpacked = output.done()
  if (unpacked.length !== length) throw new RangeError('it has another length than it says')
  return unpacked
}

/** Seven bits a byte, the lowest first; a set eighth bit says that there are more. */
function lengthOf(input: Packed): number {
  let length = 0
  for (let shift = 0; shift < 32; shift += 7) {
    const byte = input.byte()
    length += (byte & 0x7f) * 2 ** shift
    if (byte < 0x80) return length
  }
  throw new RangeError('its length has no end')
}
