/** Packed bytes, read one after the other. All reads throw RangeError at the end. */
export class Packed {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get isOver(): boolean {
    return this.#at >= this.#bytes.length
  }

  peek(): number {
    return this.#bytes.readUInt8(this.#at)
  }

  byte(): number {
    return this.#bytes.readUInt8(this.#at++)
  }

  /** A little-endian number of 1 to 4 bytes. */
  number(size: number): number {
    this.#at += size
    return this.#bytes.readUIntLE(this.#at - size, size)
  }

  bytes(count: number): Buffer {
    const end = this.#at + count
    if (end > this.#bytes.length) throw new RangeError('it ends too early')
    const part = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return part
  }
}

/** What has been unpacked: never more than its limit, or RangeError. */
export class Unpacked {
  readonly #bytes: Buffer
  #length = 0

  constructor(limit: number) {
    this.#bytes = Buffer.alloc(limit)
  }

  /** Packed bytes as they are. */
  take(input: Packed, count: number): void {
    const part = input.bytes(count)
    this.#grow(count)
    part.copy(this.#bytes, this.#length - count)
  }

  /** What was written some bytes before, again. */
  repeat(distance: number, count: number): void {
    const from = this.#length - distance
    if (from < 0 || distance === 0) throw new RangeError('it goes back too far')
    const to = this.#length
    this.#grow(count)
    // Byte by byte: what is copied may be what has just been written.
    for (let index = 0; index < count; index++)
      this.#bytes[to + index] = this.#bytes[from + index] ?? 0
  }

  done(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  #grow(count: number): void {
    if (this.#length + count > this.#bytes.length) throw new RangeError('it is too long')
    this.#length += count
  }
}
