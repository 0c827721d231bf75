/**
 * Names of Rust functions (v0, https://doc.rust-lang.org/rustc/symbol-mangling/v0.html) as far as paths go: `crate::module::Type::function`,
 * `<Type>::function` for methods. undefined for what is not mangled or not understood.
 */
export function demangle(symbol: string): string | undefined {
  if (!symbol.startsWith('_R')) return undefined
  try {
    return new Rust(symbol.slice(2)).path()
  } catch {
    return undefined
  }
}

/** The longest symbol that is read, and how deep: what is longer was made to hurt. */
const MAX_DEPTH = 100

class Rust {
  readonly #text: string
  #at = 0
  #depth = 0

  constructor(text: string) {
    this.#text = text
  }

  path(): string {
    if (++this.#depth > MAX_DEPTH) throw new Error('too deep')
    const tag = this.#next()
    switch (tag) {
      case 'C':
        this.#disambiguator()
        return this.#identifier()
      case 'M': {
        this.#disambiguator()
        this.path()
        return `<${this.#type()}>`
      }
      case 'X': {
        this.#disambiguator()
        this.path()
        const type = this.#type()
        return `<${type} as ${this.path()}>`
      }
      case 'Y': {
        const type = this.#type()
        return `<${type} as ${this.path()}>`
      }
      case 'N': {
        const namespace = this.#next()
        const parent = this.path()
        this.#disambiguator()
        const name = this.#identifier()
        if (namespace === 'C') return `${parent}::{closure#0}`
        return name === '' ? parent : `${parent}::${name}`
      }
      case 'I': {
        const generic = this.path()
        const parameters: string[] = []
        while (this.#peek() !== 'E') parameters.push(this.#parameter())
        this.#at++
        return `${generic}<${parameters.join(', ')}>`
      }
      case 'B':
        return this.#backReference(() => this.path())
      default:
        throw new Error('not a path')
    }
  }

  #parameter(): string {
    if (this.#peek() === 'L') {
      this.#at++
      this.#base62()
      return "'_"
    }
    if (this.#peek() === 'K') throw new Error('constants are not read')
    return this.#type()
  }

  #type(): string {
    const tag = this.#peek()
    if (/[a-z]/.test(tag)) {
      this.#at++
      return BASIC[tag] ?? '_'
    }
    if (tag === 'R' || tag === 'Q') {
      this.#at++
      if (this.#peek() === 'L') this.#parameter()
      return `&${tag === 'Q' ? 'mut ' : ''}${this.#type()}`
    }
    if (tag === 'P' || tag === 'O') {
      this.#at++
      return `*${tag === 'P' ? 'const' : 'mut'} ${this.#type()}`
    }
    if (tag === 'S') {
      this.#at++
      return `[${this.#type()}]`
    }
    if (tag === 'T') {
      this.#at++
      const members: string[] = []
      while (this.#peek() !== 'E') members.push(this.#type())
      this.#at++
      return `(${members.join(', ')})`
    }
    if (tag === 'B') {
      this.#at++
      return this.#backReference(() => this.#type())
    }
    return this.path()
  }

  #backReference(read: () => string): string {
    const target = this.#base62()
    if (target >= this.#at) throw new Error('forward reference')
    const back = this.#at
    this.#at = target
    if (++this.#depth > MAX_DEPTH) throw new Error('too deep')
    const text = read()
    this.#at = back
    return text
  }

  #disambiguator(): void {
    if (this.#peek() !== 's') return
    this.#at++
    this.#base62()
  }

  #identifier(): string {
    const match = /^u?(\d+)_?/.exec(this.#text.slice(this.#at, this.#at + 12))
    const length = Number(match?.[1] ?? Number.NaN)
    if (!match || !(length <= this.#text.length)) throw new Error('not an identifier')
    // The separator belongs to the length only when the name could be taken for digits.
    const digits = match[1]?.length ?? 0
    this.#at += match[0].startsWith('u') ? digits + 1 : digits
    if (this.#peek() === '_') this.#at++
    const name = this.#text.slice(this.#at, this.#at + length)
    this.#at += length
    return name
  }

  #base62(): number {
    let value = 0
    for (let first = true; ; first = false) {
      const digit = this.#next()
      if (digit === '_') return first ? 0 : value + 1
      const index = DIGITS.indexOf(digit)
      if (index < 0) throw new Error('not a number')
      value = value * 62 + index
    }
  }

  #peek(): string {
    return this.#text[this.#at] ?? ''
  }

  #next(): string {
    const character = this.#peek()
    if (character === '') throw new Error('too short')
    this.#at++
    return character
  }
}

const DIGITS = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'
const BASIC: Readonly<Record<string, string>> = {
  a: 'i8',
  b: 'bool',
  c: 'char',
  d: 'f64',
  e: 'str',
  f: 'f32',
  h: 'u8',
  i: 'isize',
  j: 'usize',
  l: 'i32',
  m: 'u32',
  n: 'i128',
  o: 'u128',
  s: 'i16',
  t: 'u16',
  u: '()',
  v: '...',
  x: 'i64',
  y: 'u64',
  z: '!',
  p: '_',
}
