/** Bytes that can be read anywhere, such as a file. */
export interface Bytes {
  readonly size: number
  /** Exactly that many bytes. Throws FormatError where there are none. */
  read(at: number, length: number): Buffer
}

/** What is not of the form that it should have, and why, in a sentence that goes on from its name. */
export class FormatError extends Error {}

/** Bytes that are in memory. */
export function bytesOf(buffer: Buffer): Bytes {
  return {
    size: buffer.length,
    read(at, length) {
      if (at < 0 || length < 0 || at + length > buffer.length) throw cutOff(buffer.length, at)
      return buffer.subarray(at, at + length)
    },
  }
}

/** What is said of a file that tells of bytes which it has not. */
export function cutOff(size: number, at: number): FormatError {
  return new FormatError(`it is cut off: it has ${size} bytes, and tells of some at ${at}`)
}

/** A number of a hostile file that is to be a size or a place. */
export function sane(value: bigint | number, limit: number, what: string): number {
  if (value < 0 || value > limit) throw new FormatError(`its ${what} is ${value}, which cannot be`)
  return Number(value)
}
