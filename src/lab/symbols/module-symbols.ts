import { existsSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'

import { readAddr2line, type NamedAddress, type Place } from '../../crash/index.ts'
import { runOk } from '../../host/index.ts'

interface ModuleFunction {
  readonly section: string
  readonly offset: number
  readonly size: number
}

/** kallsyms counts up to the next symbol, so alignment included. */
const MOST_PADDING = 64

/** The functions of a module's file (.ko) with its DWARF. */
export class ModuleSymbols {
  readonly #path: string
  readonly #functions: ReadonlyMap<string, readonly ModuleFunction[]>

  private constructor(path: string, functions: ReadonlyMap<string, readonly ModuleFunction[]>) {
    this.#path = path
    this.#functions = functions
  }

  /** Reads the symbol table with objdump. Throws InfraError when that cannot be done. */
  static async read(path: string): Promise<ModuleSymbols> {
    const lines = (await runOk('objdump', ['-t', '-w', '--', path])).split('\n')
    const functions = lines.flatMap((line) => {
      const match = /^([0-9a-f]+) .{6}F (\S+)\s+([0-9a-f]+) (?:\.hidden )?(\S+)$/.exec(line)
      if (!match) return []
      const [, offset = '', section = '', size = '', name = ''] = match
      return [
        { name, section, offset: Number.parseInt(offset, 16), size: Number.parseInt(size, 16) },
      ]
    })
    return new ModuleSymbols(
      path,
      Map.groupBy(functions, ({ name }) => name),
    )
  }

  /** The source places of those that are in it. */
  async look(
    named: readonly NamedAddress[],
    root: string,
  ): Promise<readonly (readonly [NamedAddress, readonly Place[]])[]> {
    const placed = named.flatMap((one) => {
      const place = this.#placeOf(one)
      return place ? [{ one, ...place }] : []
    })
    const found: [NamedAddress, readonly Place[]][] = []
    for (const [section, some] of Map.groupBy(placed, (place) => place.section)) {
      const output = await runOk('addr2line', ['-e', this.#path, '-j', section, '-a', '-f', '-i'], {
        input: some.map(({ offset }) => `0x${offset.toString(16)}\n`).join(''),
      })
      const read = readAddr2line(output, root)
      for (const { one, offset } of some) found.push([one, read.get(BigInt(offset)) ?? []])
    }
    return found
  }

  /** Where a function that a report names is: in a section, because where that comes to lie is known to the kernel alone. */
  #placeOf({ symbol, offset, size, isReturn }: NamedAddress) {
    const found = this.#functions
      .get(symbol)
      ?.find((one) => size >= one.size && size - one.size < MOST_PADDING)
    if (!found) return undefined
    return {
      section: found.section,
      offset: found.offset + (isReturn && offset > 0 ? offset - 1 : offset),
    }
  }
}

/** The modules below a directory, by the names that the kernel gives them. */
export function modulesIn(dir: string): ReadonlyMap<string, string> {
  if (!existsSync(dir)) return new Map()
  const files = readdirSync(dir, { recursive: true, encoding: 'utf8' })
  return new Map(
    files
      .filter((file) => file.endsWith('.ko'))
      .map((file) => [basename(file, '.ko').replaceAll('-', '_'), join(dir, file)]),
  )
}
