const GROUP = 512
const ONES = Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll('0', '').length)

/** Pages one after another. */
export interface PageRun {
  readonly first: number
  readonly count: number
}

/** The numbers of pages that are there, and where among them each stands. */
export class PageBitmap {
  readonly count: number
  readonly #bits: Buffer
  /** How many are before each group of 4096. */
  readonly #before: number[] = [0]

  constructor(bits: Buffer) {
    this.#bits = bits
    let count = 0
    for (let at = 0; at < bits.length; at++) {
      count += ONES[bits[at] ?? 0] ?? 0
      if ((at + 1) % GROUP === 0) this.#before.push(count)
    }
    this.count = count
  }

  /** How many are before a page; undefined when it is not there itself. */
  rank(page: number): number | undefined {
    const byte = Math.floor(page / 8)
    const mask = 1 << (page % 8)
    if (((this.#bits[byte] ?? 0) & mask) === 0) return undefined
    const group = Math.floor(byte / GROUP)
    let rank = this.#before[group] ?? 0
    for (let at = group * GROUP; at < byte; at++) rank += ONES[this.#bits[at] ?? 0] ?? 0
    return rank + (ONES[(this.#bits[byte] ?? 0) & (mask - 1)] ?? 0)
  }

  /** All of them, in their order. */
  runs(): PageRun[] {
    const runs: { first: number; count: number }[] = []
    let last: { first: number; count: number } | undefined
    const pages = this.#bits.length * 8
    for (let page = 0; page < pages; page++) {
      const byte = this.#bits[page >> 3] ?? 0
      if (byte === 0 && page % 8 === 0) {
        page += 7
        last = undefined
      } else if ((byte & (1 << (page & 7))) === 0) last = undefined
      else if (last) last.count++
      else runs.push((last = { first: page, count: 1 }))
    }
    return runs
  }
}
