import type { AddressSpace } from './address-space.ts'
import type { OrcEntry, OrcTable } from './orc.ts'
import { PT_REGS, readPtRegs, type Registers } from './registers.ts'
import { DumpError } from './source.ts'

/** A place on a stack. */
export interface StackFrame {
  readonly address: bigint
  /** Where a call returns to; otherwise where the CPU was. */
  readonly isReturn: boolean
}

type Known = Pick<Registers, 'ip' | 'sp' | 'bp'> & {
  /** All of them, at a trap. */
  readonly all?: Registers
  readonly isReturn: boolean
}

const MAX_FRAMES = 100
/** ORC_REG_*: arch/x86/include/asm/orc_types.h */
const REG = {
  ...{ prevSp: 1, dx: 2, di: 3, bp: 4, sp: 5, r10: 6, r13: 7, bpIndirect: 8, spIndirect: 9 },
} as const

/**
 * The functions on a stack, the innermost first, up to user space or to where nothing is known: by the kernel's ORC tables or, of a kernel without
 * (CONFIG_UNWINDER_FRAME_POINTER), by its frame pointers.
 */
export function unwind(
  memory: AddressSpace,
  orc: OrcTable | undefined,
  from: Registers,
): StackFrame[] {
  const frames: StackFrame[] = []
  let state: Known | undefined = { ...from, all: from, isReturn: false }
  while (state && frames.length < MAX_FRAMES && (isKernel(state.ip) || frames.length === 0)) {
    frames.push({ address: state.ip, isReturn: state.isReturn })
    try {
      state = orc ? caller(memory, orc, state) : framed(memory, state)
    } catch (error) {
      // What lies there is no stack.
      if (error instanceof DumpError) break
      throw error
    }
  }
  return frames
}

/** The upper half of the canonical addresses. */
function isKernel(address: bigint): boolean {
  return address >= 0xffff800000000000n
}

/** The registers of a task that does not run: struct inactive_task_frame of arch/x86/include/asm/switch_to.h. */
export function sleepingRegisters(memory: AddressSpace, sp: bigint): Registers {
  const at = (index: number) => memory.long(sp + BigInt(index * 8))
  const zero = { dx: 0n, di: 0n, r10: 0n }
  return { ...zero, r13: at(2), bp: at(5), ip: at(6), sp: sp + 56n, cs: 0x10 }
}

function caller(memory: AddressSpace, orc: OrcTable, state: Known): Known | undefined {
  // A call may be the last instruction of its function.
  const entry = orc.find(state.isReturn ? state.ip - 1n : state.ip)
  if (!entry || entry.type === 'end') return undefined
  const sp = stackPointer(memory, entry, state)
  if (sp === undefined) return undefined
  switch (entry.type) {
    case 'call':
      return {
        ip: memory.long(sp - 8n),
        sp,
        bp: framePointer(memory, entry, { state, sp }),
        isReturn: true,
      }
    case 'regs':
      return trapped(readPtRegs(memory.read(sp, PT_REGS.size)))
    case 'iret': {
      const { bp } = state
      const [ip, cs, , to] = [0n, 8n, 16n, 24n].map((offset) => memory.long(sp + offset))
      if (ip === undefined || cs === undefined || to === undefined || (cs & 3n) !== 0n)
        return undefined
      return { ip, sp: to, bp, isReturn: false }
    }
  }
}

/** A frame is the caller's frame pointer, then where to return to; at a trap the pointer is odd and leads to the registers (ENCODE_FRAME_POINTER of arch/x86/entry/calling.h). */
function framed(memory: AddressSpace, { bp }: Known): Known | undefined {
  if (bp === 0n) return undefined
  if ((bp & 1n) === 1n) return trapped(readPtRegs(memory.read(bp - 1n, PT_REGS.size)))
  const next = memory.long(bp)
  const ip = memory.long(bp + 8n)
  // Stacks grow downwards, but for the one of interrupts.
  return ip === 0n || next === bp ? undefined : { ip, sp: bp + 16n, bp: next, isReturn: true }
}

/** A trap out of user space is the end of the kernel's stack. */
function trapped(all: Registers): Known | undefined {
  return (all.cs & 3) === 0 ? { ...all, all, isReturn: false } : undefined
}

function stackPointer(
  memory: AddressSpace,
  { spReg, spOffset }: OrcEntry,
  { sp, bp, all }: Known,
): bigint | undefined {
  const offset = BigInt(spOffset)
  switch (spReg) {
    case REG.sp:
      return sp + offset
    case REG.bp:
      return bp + offset
    case REG.bpIndirect:
      return memory.long(bp + offset)
    case REG.spIndirect:
      return memory.long(sp) + offset
    case REG.r10:
      return all?.r10
    case REG.r13:
      return all?.r13
    case REG.di:
      return all?.di
    case REG.dx:
      return all?.dx
    default:
      return undefined
  }
}

function framePointer(
  memory: AddressSpace,
  { bpReg, bpOffset }: OrcEntry,
  { state, sp }: { state: Known; sp: bigint },
): bigint {
  const offset = BigInt(bpOffset)
  if (bpReg === REG.prevSp) return memory.long(sp + offset)
  if (bpReg === REG.bp) return memory.long(state.bp + offset)
  return state.bp
}
