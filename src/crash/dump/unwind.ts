import type { ArchFacts } from '../arch/arch.ts'
import type { AddressSpace } from './address-space.ts'
import type { Layout } from './layout.ts'
import { orcStep } from './orc-step.ts'
import { readSleeping, type Registers } from './registers.ts'
import { DumpError } from './source.ts'
import type { StackState, Step } from './step.ts'

/** A place on a stack. */
export interface StackFrame {
  readonly address: bigint
  /** Where a call returns to; otherwise where the CPU was. */
  readonly isReturn: boolean
}

const MAX_FRAMES = 100

/** How stacks are unwound, by the row of the architecture. */
const STEPS: Readonly<
  Record<ArchFacts['unwinder'], (memory: AddressSpace, layout: Layout) => Step>
> = { orc: orcStep }

/** How a kernel's stacks are unwound. */
export function stepOf(memory: AddressSpace, layout: Layout): Step {
  return STEPS[memory.arch.unwinder](memory, layout)
}

/** The functions on a stack, the innermost first, up to user space or to where nothing is known. */
export function unwind({ arch }: AddressSpace, step: Step, from: Registers): StackFrame[] {
  const frames: StackFrame[] = []
  let state: StackState | undefined = { ...from, isReturn: false }
  while (state && frames.length < MAX_FRAMES) {
    if (state.pc < arch.kernelStart && frames.length > 0) break
    frames.push({ address: state.pc, isReturn: state.isReturn })
    try {
      state = step(state)
    } catch (error) {
      // What lies there is no stack.
      if (error instanceof DumpError) break
      throw error
    }
  }
  return frames
}

/** The registers of a task that does not run. */
export function sleepingRegisters(memory: AddressSpace, sp: bigint): Registers {
  const { arch } = memory
  return readSleeping(arch, memory.read(sp, arch.sleeping.size), sp)
}
