import type { AddressSpace } from './address-space.ts'
import type { Layout } from './layout.ts'
import { OrcTable, type OrcEntry } from './orc.ts'
import { readTrapped } from './registers.ts'
import { DumpError } from './source.ts'
import type { StackState, Step } from './step.ts'

/** ORC_REG_*: arch/x86/include/asm/orc_types.h */
const REG = {
  ...{ prevSp: 1, dx: 2, di: 3, bp: 4, sp: 5, r10: 6, r13: 7, bpIndirect: 8, spIndirect: 9 },
} as const

/** How stacks of x86 are unwound: by the kernel's ORC tables or, of a kernel without (CONFIG_UNWINDER_FRAME_POINTER), by its frame pointers. */
export function orcStep(memory: AddressSpace, layout: Layout): Step {
  const orc = tableOf(memory, layout)
  return (state) => (orc ? caller(memory, orc, state) : framed(memory, state))
}

/** Undefined for a kernel with another unwinder. */
function tableOf(memory: AddressSpace, layout: Layout): OrcTable | undefined {
  if (!layout.hasSymbol('__start_orc_unwind_ip')) return undefined
  try {
    return new OrcTable(memory, layout)
  } catch (error) {
    if (error instanceof DumpError) return undefined
    throw error
  }
}

function caller(memory: AddressSpace, orc: OrcTable, state: StackState): StackState | undefined {
  // A call may be the last instruction of its function.
  const entry = orc.find(state.isReturn ? state.pc - 1n : state.pc)
  if (!entry || entry.type === 'end') return undefined
  const sp = stackPointer(memory, entry, state)
  if (sp === undefined) return undefined
  switch (entry.type) {
    case 'call':
      return {
        pc: memory.long(sp - 8n),
        sp,
        fp: framePointer(memory, entry, { state, sp }),
        isReturn: true,
      }
    case 'regs':
      return trapped(memory, sp)
    case 'iret': {
      const { fp } = state
      const [pc, cs, , to] = [0n, 8n, 16n, 24n].map((offset) => memory.long(sp + offset))
      if (pc === undefined || cs === undefined || to === undefined || (cs & 3n) !== 0n)
        return undefined
      return { pc, sp: to, fp, isReturn: false }
    }
  }
}

/** A frame is the caller's frame pointer, then where to return to; at a trap the pointer is odd and leads to the registers (ENCODE_FRAME_POINTER of arch/x86/entry/calling.h). */
function framed(memory: AddressSpace, { fp }: StackState): StackState | undefined {
  if (fp === 0n) return undefined
  if ((fp & 1n) === 1n) return trapped(memory, fp - 1n)
  const next = memory.long(fp)
  const pc = memory.long(fp + 8n)
  // Stacks grow downwards, but for the one of interrupts.
  return pc === 0n || next === fp ? undefined : { pc, sp: fp + 16n, fp: next, isReturn: true }
}

/** A trap out of user space is the end of the kernel's stack. */
function trapped(memory: AddressSpace, at: bigint): StackState | undefined {
  const { arch } = memory
  const registers = readTrapped(arch, memory.read(at, arch.registers.size))
  return registers.isUser ? undefined : { ...registers, isReturn: false }
}

function stackPointer(
  memory: AddressSpace,
  { spReg, spOffset }: OrcEntry,
  { sp, fp, others }: StackState,
): bigint | undefined {
  const offset = BigInt(spOffset)
  switch (spReg) {
    case REG.sp:
      return sp + offset
    case REG.bp:
      return fp + offset
    case REG.bpIndirect:
      return memory.long(fp + offset)
    case REG.spIndirect:
      return memory.long(sp) + offset
    case REG.r10:
      return others?.['r10']
    case REG.r13:
      return others?.['r13']
    case REG.di:
      return others?.['di']
    case REG.dx:
      return others?.['dx']
    default:
      return undefined
  }
}

function framePointer(
  memory: AddressSpace,
  { bpReg, bpOffset }: OrcEntry,
  { state, sp }: { state: StackState; sp: bigint },
): bigint {
  const offset = BigInt(bpOffset)
  if (bpReg === REG.prevSp) return memory.long(sp + offset)
  if (bpReg === REG.bp) return memory.long(state.fp + offset)
  return state.fp
}
