import { elfNotes } from '../../base/index.ts'

/** What a CPU had in its registers (x86_64), as far as an unwinder wants to know. */
export interface Registers {
  readonly ip: bigint
  readonly sp: bigint
  readonly bp: bigint
  readonly cs: number
  readonly dx: bigint
  readonly di: bigint
  readonly r10: bigint
  readonly r13: bigint
}

const NT_PRSTATUS = 1
/** Of the registers in struct elf_prstatus. */
const IN_PRSTATUS = 112
/** struct pt_regs of arch/x86/include/asm/ptrace.h; user_regs_struct begins in the same way. */
export const PT_REGS = {
  size: 168,
  ...{ r13: 16, bp: 32, r10: 56, dx: 96, di: 112, ip: 128, cs: 136, sp: 152 },
} as const

/** Reads a struct pt_regs. */
export function readPtRegs(bytes: Buffer): Registers {
  const at = (offset: number) => bytes.readBigUInt64LE(offset)
  return {
    ip: at(PT_REGS.ip),
    sp: at(PT_REGS.sp),
    bp: at(PT_REGS.bp),
    cs: bytes.readUInt16LE(PT_REGS.cs),
    dx: at(PT_REGS.dx),
    di: at(PT_REGS.di),
    r10: at(PT_REGS.r10),
    r13: at(PT_REGS.r13),
  }
}

/** The registers of each CPU, in their order, from the notes of a dump. */
export function registersIn(notes: Buffer): Registers[] {
  return [...elfNotes(notes)]
    .filter(
      ({ name, type, content }) =>
        name === 'CORE' && type === NT_PRSTATUS && content.length >= IN_PRSTATUS + PT_REGS.size,
    )
    .map(({ content }) => readPtRegs(content.subarray(IN_PRSTATUS)))
}
