import type { AddressSpace } from './address-space.ts'
import type { Layout } from './layout.ts'
import { DumpError } from './source.ts'

export interface Task {
  readonly address: bigint
  readonly pid: number
  /** Of the process. */
  readonly tgid: number
  readonly command: string
  /** As ps(1) writes it: R, S, D, T, t, I, Z, X. */
  readonly state: string
  readonly isKernel: boolean
  readonly onCpu: boolean
  /** Where its registers are while it does not run. */
  readonly sp: bigint
}

export interface ModuleRange {
  readonly name: string
  readonly base: bigint
  readonly size: number
}

/** Memory in bytes, as the counters of all zones and nodes say; what CPUs keep for themselves (some pages each) is not in them. */
export type MemoryUse = Readonly<Record<string, number>>

/** A damaged or hostile list does not go on for ever. */
const MAX_TASKS = 100_000
const MAX_MODULES = 10_000
const MAX_CPUS = 8_192
const COMM = 16
const MODULE_NAME = 56

/** What a kernel was doing, read from its memory with the layout of its structures. */
export class KernelState {
  readonly #memory: AddressSpace
  readonly #layout: Layout

  constructor(memory: AddressSpace, layout: Layout) {
    this.#memory = memory
    this.#layout = layout
  }

  /** Seconds since the boot (CLOCK_MONOTONIC of kernel/time/timekeeping.c). */
  uptime(): number {
    return Number(
      this.#memory.long(this.#layout.symbol('tk_core') + this.#layout.offset('tk_core.ktime_sec')),
    )
  }

  cpus(): number {
    if (!this.#layout.hasSymbol('nr_cpu_ids')) return 1
    const count = this.#memory.int(this.#layout.symbol('nr_cpu_ids'))
    if (count < 1 || count > MAX_CPUS) throw new DumpError(`its number of CPUs is ${count}`)
    return count
  }

  /** The CPU that panicked; undefined when none did. */
  panicCpu(): number | undefined {
    const cpu = this.#memory.int(this.#layout.symbol('panic_cpu'))
    return cpu < this.cpus() ? cpu : undefined
  }

  /** What a CPU is running. */
  taskOn(cpu: number): Task {
    const layout = this.#layout
    const { currentTask, kernelStart } = this.#memory.arch
    const name = currentTask.find((one) => layout.hasSymbol(one)) ?? currentTask.at(-1) ?? ''
    // Until 6.14 variables of CPUs were linked at 0, and are not moved.
    const isLow = layout.linked(name) < kernelStart
    const variable = isLow ? layout.linked(name) : layout.symbol(name)
    const base = this.#memory.long(layout.symbol('__per_cpu_offset') + BigInt(cpu * 8))
    return this.#task(this.#memory.long(BigInt.asUintN(64, base + variable)))
  }

  /** All tasks, or `most` of them: the idle one of the first CPU, then every thread of every process. */
  tasks(most = MAX_TASKS): Task[] {
    const layout = this.#layout
    const init = layout.symbol('init_task')
    const links = layout.offset('task_struct.tasks')
    const node = layout.offset('task_struct.thread_node')
    const tasks: Task[] = [this.#task(init)]
    for (const link of this.#list(init + links, most)) {
      const leader = link - links
      const signal = this.#memory.long(leader + layout.offset('task_struct.signal'))
      const head = signal + layout.offset('signal_struct.thread_head')
      for (const thread of this.#list(head, most - tasks.length))
        tasks.push(this.#task(thread - node))
    }
    return tasks
  }

  /** The modules, loaded last first, with where their code is. */
  modules(): ModuleRange[] {
    const layout = this.#layout
    const links = layout.offset('module.list')
    const [base, size] = layout.has('module.base') ? ['base', 'size'] : ['memBase', 'memSize']
    return [...this.#list(layout.symbol('modules'), MAX_MODULES)].map((link) => {
      const at = (name: string) => link - links + layout.offset(`module.${name}`)
      return {
        name: this.#text(at('name'), MODULE_NAME),
        base: this.#memory.long(at(base ?? '')),
        size: this.#memory.int(at(size ?? '')),
      }
    })
  }

  memoryUse(): MemoryUse {
    const zone = (name: string) => this.#counter('vm_zone_stat', name)
    const node = (name: string) => this.#counter('vm_node_stat', name)
    const { size: page } = this.#memory.arch.pages
    const cache = node('NR_FILE_PAGES')
    const shared = node('NR_SHMEM')
    return {
      total: Number(this.#memory.long(this.#layout.symbol('_totalram_pages'))) * page,
      free: zone('NR_FREE_PAGES') * page,
      anonymous: node('NR_ANON_MAPPED') * page,
      'page cache': (cache - shared) * page,
      shared: shared * page,
      'slab, reclaimable': node('NR_SLAB_RECLAIMABLE_B') * page,
      'slab, unreclaimable': node('NR_SLAB_UNRECLAIMABLE_B') * page,
      'kernel stacks': node('NR_KERNEL_STACK_KB') * 1024,
      'page tables': node('NR_PAGETABLE') * page,
    }
  }

  #counter(array: string, name: string): number {
    const at = this.#layout.symbol(array) + BigInt(this.#layout.number(name) * 8)
    // The parts of CPUs make it negative for a while.
    return Math.max(0, Number(BigInt.asIntN(64, this.#memory.long(at))))
  }

  #task(address: bigint): Task {
    const at = (name: string) => address + this.#layout.offset(`task_struct.${name}`)
    const state = this.#memory.int(
      at(this.#layout.has('task_struct.__state') ? '__state' : 'state'),
    )
    return {
      address,
      pid: this.#memory.int(at('pid')),
      tgid: this.#memory.int(at('tgid')),
      command: this.#text(at('comm'), COMM),
      state: stateLetter(state),
      isKernel: this.#memory.long(at('mm')) === 0n,
      onCpu: this.#layout.has('task_struct.on_cpu') && this.#memory.int(at('on_cpu')) !== 0,
      sp: this.#memory.long(at('sp')),
    }
  }

  /** The links of a list (struct list_head) but its head. */
  *#list(head: bigint, most: number): Generator<bigint> {
    let link = this.#memory.long(head)
    for (let count = 0; link !== head; count++) {
      if (count >= most) throw new DumpError('one of its lists does not end')
      yield link
      link = this.#memory.long(link)
    }
  }

  #text(address: bigint, length: number): string {
    const text = this.#memory.read(address, length).toString('latin1')
    return text.replace(/\0[\s\S]*$/, '').replaceAll(/[^\x20-\x7e]/g, '?')
  }
}

/** TASK_* of include/linux/sched.h, as task_state_to_char() writes them. */
function stateLetter(state: number): string {
  if ((state & 0x402) === 0x402) return 'I'
  const letters = [
    [0x1, 'S'],
    [0x2, 'D'],
    [0x4, 'T'],
    [0x8, 't'],
    [0x10, 'X'],
    [0x20, 'Z'],
  ] as const
  return letters.find(([bit]) => (state & bit) !== 0)?.[1] ?? 'R'
}
