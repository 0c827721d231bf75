import { formatBytes, FormatError } from '../../base/index.ts'

/** What an archive may become. */
export interface TarLimits {
  readonly bytes: number
  readonly files: number
}

const BLOCK = 512
/** The field with the size of a member: octal digits or, with the first bit set, a number of the highest byte first. */
const SIZE = { at: 124, bytes: 12 } as const

/** Watches an archive (tar(5)) go by: a few packed bytes may become more than a disk has, or millions of empty files. */
export class TarMeter {
  readonly #limits: TarLimits
  #bytes = 0
  #files = 0
  /** What is left of the content of a member. */
  #content = 0
  readonly #header = Buffer.alloc(BLOCK)
  #filled = 0

  constructor(limits: TarLimits) {
    this.#limits = limits
  }

  /** Throws FormatError as soon as it is too much. */
  push(chunk: Buffer): void {
    this.#bytes += chunk.length
    if (this.#bytes > this.#limits.bytes)
      throw new FormatError(`it unpacks to more than ${formatBytes(this.#limits.bytes)}`)
    for (let at = 0; at < chunk.length;) {
      const isContent = this.#content > 0
      const part = Math.min(isContent ? this.#content : BLOCK - this.#filled, chunk.length - at)
      if (isContent) this.#content -= part
      else this.#take(chunk.subarray(at, at + part))
      at += part
    }
  }

  #take(part: Buffer): void {
    part.copy(this.#header, this.#filled)
    this.#filled += part.length
    if (this.#filled < BLOCK) return
    this.#filled = 0
    if (++this.#files > this.#limits.files)
      throw new FormatError(`it has more than ${this.#limits.files} files`)
    this.#content = Math.ceil(sizeIn(this.#header) / BLOCK) * BLOCK
  }
}

function sizeIn(header: Buffer): number {
  const field = header.subarray(SIZE.at, SIZE.at + SIZE.bytes)
  if ((field[0] ?? 0) & 0x80) return Math.max(0, Number(field.readBigInt64BE(SIZE.bytes - 8)))
  return Number.parseInt(field.toString('latin1').trim(), 8) || 0
}
