import { Packed, Unpacked } from './unpacking.ts'

/**
 * Unpacks LZO1X, as makedumpfile and lzop write it (the kernel's Documentation/staging/lzo.rst describes the stream). The result has at
 * most `limit` bytes, and takes time linear in that and the input. Throws RangeError for what is no such stream.
 */
export function unpackLzo(packed: Buffer, limit: number): Buffer {
  const input = new Packed(packed)
  const output = new Unpacked(limit)
  /** How many bytes the last instruction has copied from the input: 4 for a run of its own. It decides what the small codes mean. */
  let literals = 0
  const first = input.peek()
  if (first > 17) {
    literals = Math.min(input.byte() - 17, 4)
    output.take(input, first - 17)
  }
  for (;;) {
    const code = input.byte()
    if (code < 16 && literals === 0) {
      output.take(input, 3 + (code || longLength(input, 15)))
      literals = 4
      continue
    }
    const match = code < 16 ? shortMatch(code, input, literals) : matchOf(code, input)
    if (match === undefined) return output.done()
    output.repeat(match.distance, match.length)
    literals = match.literals
    output.take(input, literals)
  }
}

/** What is copied from what was written before, and how many bytes of the input follow as they are. */
interface Match {
  readonly distance: number
  readonly length: number
  readonly literals: number
}

/** Codes 0 to 15 after an instruction that copied from the input. */
function shortMatch(code: number, input: Packed, before: number): Match {
  const distance = (input.byte() << 2) + (code >> 2) + 1
  const isAfterRun = before === 4
  return {
    distance: isAfterRun ? distance + 2048 : distance,
    length: isAfterRun ? 3 : 2,
    literals: code & 3,
  }
}

/** Undefined for the end of the stream. */
function matchOf(code: number, input: Packed): Match | undefined {
  if (code >= 64) {
    // 1LLDDDSS and 01LDDDSS
    const length = code >= 128 ? 5 + ((code >> 5) & 3) : 3 + ((code >> 5) & 1)
    return { distance: (input.byte() << 3) + ((code >> 2) & 7) + 1, length, literals: code & 3 }
  }
  if (code >= 32) {
    const length = 2 + (code & 31 || longLength(input, 31))
    const rest = input.number(2)
    return { distance: (rest >> 2) + 1, length, literals: rest & 3 }
  }
  const length = 2 + (code & 7 || longLength(input, 7))
  const rest = input.number(2)
  const distance = 0x4000 + ((code & 8) << 11) + (rest >> 2)
  return distance === 0x4000 ? undefined : { distance, length, literals: rest & 3 }
}

/** A length that has no room in its code: `base`, 255 for each zero, and the byte after them. */
function longLength(input: Packed, base: number): number {
  let length = base
  let byte = input.byte()
  for (; byte === 0; byte = input.byte()) length += 255
  return length + byte
}
