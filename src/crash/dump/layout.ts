import { archFacts, DEFAULT_ARCH } from '../arch/arch.ts'
import { DumpError } from './source.ts'

/** Where members of structures are, and the values of constants: klab's builds know them (profiles/layout.c), of other kernels a debugger tells them from their DWARF. */
export const LAYOUT_EXPRESSIONS: Readonly<Record<string, string>> = {
  ...members('task_struct', {
    ...{ tasks: 'tasks', pid: 'pid', tgid: 'tgid', comm: 'comm', mm: 'mm' },
    sp: archFacts(DEFAULT_ARCH).savedStackPointer,
    ...{ signal: 'signal', thread_node: 'thread_node', on_cpu: 'on_cpu' },
    // state until 5.13.
    ...{ __state: '__state', state: 'state' },
  }),
  ...members('signal_struct', { thread_head: 'thread_head' }),
  ...members('module', {
    ...{ list: 'list', name: 'name' },
    // Until 6.3, and since.
    ...{ base: 'core_layout.base', size: 'core_layout.size' },
    ...{ memBase: 'mem[0].base', memSize: 'mem[0].size' },
  }),
  'tk_core.ktime_sec': '(char *)&tk_core.timekeeper.ktime_sec - (char *)&tk_core',
  ...Object.fromEntries(
    [
      ...['NR_FREE_PAGES', 'NR_ANON_MAPPED', 'NR_FILE_PAGES', 'NR_SHMEM', 'NR_PAGETABLE'],
      ...['NR_SLAB_RECLAIMABLE_B', 'NR_SLAB_UNRECLAIMABLE_B', 'NR_KERNEL_STACK_KB'],
    ].map((name) => [name, name]),
  ),
}

function members(type: string, wanted: Record<string, string>) {
  return Object.fromEntries(
    Object.entries(wanted).map(([name, member]) => [
      `${type}.${name}`,
      `&((struct ${type} *)0)->${member}`,
    ]),
  )
}

/** Where a symbol was linked; undefined when there is none. */
export type SymbolAddress = (name: string) => bigint | undefined

/** Where a kernel of one build keeps what. */
export class Layout {
  readonly #values: ReadonlyMap<string, number>
  readonly #symbols: SymbolAddress
  /** By how much the kernel was moved (KASLR). */
  readonly #moved: bigint

  constructor(values: ReadonlyMap<string, number>, symbols: SymbolAddress, moved: bigint) {
    this.#values = values
    this.#symbols = symbols
    this.#moved = moved
  }

  has(name: string): boolean {
    return this.#values.has(name)
  }

  hasSymbol(name: string): boolean {
    return this.#symbols(name) !== undefined
  }

  /** An offset or a constant. Throws DumpError where the kernel has none. */
  number(name: string): number {
    const value = this.#values.get(name)
    if (value !== undefined) return value
    throw new DumpError(`the layout of its kernel does not tell ${name}`)
  }

  offset(name: string): bigint {
    return BigInt(this.number(name))
  }

  /** The address of something in the image. */
  symbol(name: string): bigint {
    return this.linked(name) + this.#moved
  }

  /** Where it was linked, for what is not moved with the image. */
  linked(name: string): bigint {
    const address = this.#symbols(name)
    if (address !== undefined) return address
    throw new DumpError(`its kernel has no ${name}`)
  }
}
