import { DumpError } from './source.ts'

/** What the kernel says of itself for those who read its memory (kernel/crash_core.c): symbols, offsets, sizes, numbers. */
export class Vmcoreinfo {
  readonly #entries: ReadonlyMap<string, string>

  constructor(text: string) {
    const lines = text.split('\n').map((line) => line.split('='))
    this.#entries = new Map(
      lines.flatMap(([key, value]) => (key && value !== undefined ? [[key, value]] : [])),
    )
  }

  /** OSRELEASE, BUILD-ID, PAGESIZE … */
  text(key: string): string | undefined {
    return this.#entries.get(key)
  }

  has(key: string): boolean {
    return this.#entries.has(key)
  }

  /** The address of a symbol. Throws DumpError when the kernel does not tell. */
  symbol(name: string): bigint {
    return BigInt(`0x${this.#known(`SYMBOL(${name})`, /^[0-9a-f]{1,16}$/)}`)
  }

  offset(member: string): number {
    return this.#small(`OFFSET(${member})`)
  }

  sizeOf(type: string): number {
    return this.#small(`SIZE(${type})`)
  }

  /** By how much the kernel was moved from where it was linked (KASLR), in hexadecimal and without a kind of its own. */
  get moved(): bigint {
    const text = this.#entries.get('KERNELOFFSET') ?? ''
    return /^[0-9a-f]{1,16}$/.test(text) ? BigInt(`0x${text}`) : 0n
  }

  /** A number that may be negative or large. */
  number(name: string): bigint | undefined {
    const text = this.#entries.get(`NUMBER(${name})`)
    return text !== undefined && /^-?\d{1,20}$/.test(text) ? BigInt(text) : undefined
  }

  #small(key: string): number {
    return Number(this.#known(key, /^\d{1,6}$/))
  }

  #known(key: string, form: RegExp): string {
    const value = this.#entries.get(key)
    if (value === undefined || !form.test(value))
      throw new DumpError(`its VMCOREINFO does not tell ${key}`)
    return value
  }
}
