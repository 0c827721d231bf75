/** A place in the sources. */
export interface Place {
  readonly function: string
  /** Relative to the tree. */
  readonly file: string
  readonly line: number
}

/** A function of the kernel as a report names it: with an offset, and its size, by which namesakes are told apart. */
export interface NamedAddress {
  readonly symbol: string
  readonly offset: number
  readonly size: number
  readonly module: string | undefined
  /** What was called returns here: the call is the instruction before. */
  readonly isReturn: boolean
}

/** It begins where a word does: looked for from each letter on, a long word would take the square of its length. */
const NAMED = /(?<![\w.$])([A-Za-z_][\w.$]*)\+0x([0-9a-f]+)\/0x([0-9a-f]+)(?: \[([\w-]+)[^\]]*\])?/
/** Where the kernel was, not where it was going back to. */
const EXACT = /^ *(?:R?IP|PC|pc|epc|NIP)\b|BUG: K[ACM]\w+|^WARNING: /

/** The address that a line of a report names; undefined when it has none, or has its place already. */
export function namedAddress(line: string): NamedAddress | undefined {
  const match = NAMED.exec(line)
  if (!match || /\.[chS]:\d+/.test(line)) return undefined
  const [, symbol = '', offset = '', size = '', module] = match
  return {
    ...{ symbol, module },
    offset: Number.parseInt(offset, 16),
    size: Number.parseInt(size, 16),
    isReturn: !EXACT.test(line),
  }
}

/** Symbols of a kernel with their addresses and sizes (nm, System.map). */
export class SymbolTable {
  readonly #symbols = new Map<string, { address: bigint; size: number }[]>()
  readonly #sorted: readonly { readonly address: bigint; readonly name: string }[]

  /** Lines of `address type name`, in the order of the addresses. */
  constructor(lines: readonly string[]) {
    const parsed = lines.flatMap((line) => {
      const match = /^([0-9a-f]{8,16}) [A-Za-z] (\S+)$/.exec(line)
      return match ? [{ address: BigInt(`0x${match[1]}`), name: match[2] ?? '' }] : []
    })
    this.#sorted = parsed
    // From behind: a symbol reaches to the next address that has one, as kallsyms counts.
    let next = 0n
    let after = 0n
    for (const { address, name } of parsed.toReversed()) {
      if (address !== next) after = next
      next = address
      const one = { address, size: after > address ? Number(after - address) : 0 }
      const same = this.#symbols.get(name)
      if (same) same.unshift(one)
      else this.#symbols.set(name, [one])
    }
  }

  /** `f+0x1/0x2` for an address in f, as the kernel writes it; undefined when it is before all symbols, or behind the last. */
  nameOf(address: bigint): string | undefined {
    let low = 0
    let high = this.#sorted.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#sorted[middle]?.address ?? 0n) <= address) low = middle + 1
      else high = middle
    }
    const next = this.#sorted[low]
    // Of several names of one address the first, as kallsyms does.
    while (low > 1 && this.#sorted[low - 2]?.address === this.#sorted[low - 1]?.address) low--
    const found = this.#sorted[low - 1]
    if (!found || !next) return undefined
    const hex = (value: bigint) => `0x${value.toString(16)}`
    return `${found.name}+${hex(address - found.address)}/${hex(next.address - found.address)}`
  }

  /** The address of a symbol that there is one of. */
  first(symbol: string): bigint | undefined {
    return this.#symbols.get(symbol)?.[0]?.address
  }

  /** Where in the kernel's image that is; undefined when the image has no such function, or one of another size. */
  addressOf({ symbol, offset, size, isReturn }: NamedAddress): bigint | undefined {
    const found = this.#symbols.get(symbol)?.find((one) => one.size === size)
    return found && found.address + BigInt(isReturn && offset > 0 ? offset - 1 : offset)
  }
}

/** The places of each address, as `addr2line -a -f -i` prints them: the innermost inlined function first, the function itself last. */
export function readAddr2line(output: string, root: string): Map<bigint, Place[]> {
  const places = new Map<bigint, Place[]>()
  let current: Place[] = []
  let name: string | undefined
  for (const line of output.split('\n')) {
    if (/^0x[0-9a-f]+$/.test(line)) {
      current = []
      places.set(BigInt(line), current)
      name = undefined
    } else if (name === undefined) name = line
    else {
      const match = /^(.*?):(\d+)/.exec(line)
      const file = match?.[1] ?? '??'
      if (file !== '??')
        current.push({ function: name, file: relative(file, root), line: Number(match?.[2]) })
      name = undefined
    }
  }
  return places
}

function relative(file: string, root: string): string {
  const bare = root !== '' && file.startsWith(root) ? file.slice(root.length) : file
  return bare.replace(/^\.\//, '')
}

/** A report with the place of each function, and a line for each that was inlined there, as syzbot writes them. */
export function withPlaces(
  text: string,
  placesOf: (address: NamedAddress) => readonly Place[] | undefined,
): string {
  return text
    .split('\n')
    .flatMap((line) => {
      const named = namedAddress(line)
      const places = named && placesOf(named)
      const own = places?.at(-1)
      if (!places || !own) return [line]
      const inlined = places
        .slice(0, -1)
        .map((place) => ` ${place.function} ${place.file}:${place.line} [inline]`)
      return [...inlined, `${line} ${own.file}:${own.line}`]
    })
    .join('\n')
}
