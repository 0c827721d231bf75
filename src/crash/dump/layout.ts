import { DumpError } from './source.ts'

/** Expressions whose values tell where the kernel keeps what: a debugger answers them from the DWARF of a vmlinux. By the name that we use. */
export const LAYOUT_EXPRESSIONS = {
  ...members('task_struct', {
    ...{ tasks: 'tasks', pid: 'pid', tgid: 'tgid', comm: 'comm', stack: 'stack', mm: 'mm' },
    ...{ sp: 'thread.sp', signal: 'signal', thread_node: 'thread_node', on_cpu: 'on_cpu' },
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
  ...addresses({
    ...{ init_task: 'init_task', modules: 'modules', nr_cpu_ids: 'nr_cpu_ids' },
    ...{ __per_cpu_offset: '__per_cpu_offset', panic_cpu: 'panic_cpu', _text: '_text' },
    // The task of a CPU: in pcpu_hot from 6.2 to 6.14.
    ...{ current_task: 'current_task', hot_task: 'pcpu_hot.current_task' },
    ktime_sec: 'tk_core.timekeeper.ktime_sec',
    ...{ _totalram_pages: '_totalram_pages', vm_zone_stat: 'vm_zone_stat' },
    vm_node_stat: 'vm_node_stat',
    ...{ orcIps: '__start_orc_unwind_ip', orcIpsEnd: '__stop_orc_unwind_ip' },
    orcEntries: '__start_orc_unwind',
  }),
  threadSize: 'sizeof(init_stack)',
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

function addresses(wanted: Record<string, string>) {
  return Object.fromEntries(Object.entries(wanted).map(([name, what]) => [name, `&${what}`]))
}

/** Where a kernel of one build keeps what. */
export class Layout {
  readonly #values: ReadonlyMap<string, bigint>
  /** By how much the kernel was moved (KASLR). */
  readonly #moved: bigint

  constructor(values: ReadonlyMap<string, bigint>, moved: bigint) {
    this.#values = values
    this.#moved = moved
  }

  has(name: string): boolean {
    return this.#values.has(name)
  }

  /** An offset, a size, or the number of an enumeration. Throws DumpError where the kernel has none. */
  number(name: string): number {
    return Number(this.#known(name))
  }

  offset(name: string): bigint {
    return this.#known(name)
  }

  /** The address of something in the image. */
  symbol(name: string): bigint {
    return this.#known(name) + this.#moved
  }

  /** As it was linked, for the symbols of the vmlinux. */
  linked(address: bigint): bigint {
    return address - this.#moved
  }

  #known(name: string): bigint {
    const value = this.#values.get(name)
    if (value !== undefined) return value
    throw new DumpError(`its kernel has no ${name}`)
  }
}
