import {
  AddressSpace,
  KernelState,
  Layout,
  sleepingRegisters,
  stepOf,
  unwind,
  type Dump,
  type ModuleRange,
  type StackFrame,
  type SymbolTable,
} from '../../crash/index.ts'
import { infoOf } from './dump-file.ts'

/** Reads what the CPUs and tasks of a dump were doing, with the layout of the kernel's structures; `allStacks` of all that sleep, else of those that wait (D). Throws DumpError. */
export function readPicture(
  dump: Dump,
  {
    values,
    table,
    allStacks,
    most,
  }: {
    values: ReadonlyMap<string, number>
    table: SymbolTable
    allStacks: boolean
    /** What is looked at, of a guest that nobody has chosen to look at. */
    most?: { readonly tasks: number; readonly stacks: number }
  },
) {
  const info = infoOf(dump)
  const memory = new AddressSpace(dump, info)
  const { moved } = info
  const layout = new Layout(values, (name) => table.first(name), moved)
  const state = new KernelState(memory, layout)
  const step = stepOf(memory, layout)
  const tasks = state.tasks(most?.tasks)
  const panicCpu = state.panicCpu()
  const cpus = Array.from({ length: Math.min(state.cpus(), dump.registers.length) }, (_, cpu) => {
    const registers = dump.registers[cpu]
    return {
      cpu,
      task: state.taskOn(cpu),
      panicked: cpu === panicCpu,
      stack: !registers || registers.isUser ? undefined : unwind(memory, step, registers),
    }
  })
  const running = new Set(cpus.map(({ task }) => task.address))
  const waiting = tasks.filter(
    ({ state: letter, onCpu, address }) =>
      !onCpu && !running.has(address) && (letter === 'D' || allStacks),
  )
  const stacks = waiting.slice(0, most?.stacks).map((task) => ({
    task,
    stack: unwind(memory, step, sleepingRegisters(memory, task.sp)),
  }))
  return {
    ...{ tasks, cpus, stacks, moved },
    uptime: state.uptime(),
    modules: state.modules(),
    memory: state.memoryUse(),
  }
}

/** As the kernel writes a function of a stack. */
export function nameFrame(
  { address, isReturn }: StackFrame,
  { table, moved, modules }: { table: SymbolTable; moved: bigint; modules: readonly ModuleRange[] },
): string {
  const module = modules.find(({ base, size }) => address >= base && address < base + BigInt(size))
  if (module) return ` 0x${(address - module.base).toString(16)} [${module.name}]`
  const name = table.nameOf(address - moved - (isReturn ? 1n : 0n))
  if (name === undefined) return ` 0x${address.toString(16)}`
  // %pB: the offset is that of the address, the function that of the call.
  return ` ${isReturn ? name.replace(/\+0x([0-9a-f]+)/, (_, offset: string) => `+0x${(Number.parseInt(offset, 16) + 1).toString(16)}`) : name}`
}
