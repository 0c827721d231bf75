import { elfNotes } from '../../base/index.ts'
import type { ArchFacts } from '../arch/arch.ts'

/** What a CPU had in its registers, as far as an unwinder wants to know. */
export interface Registers {
  readonly pc: bigint
  readonly sp: bigint
  /** The frame pointer. */
  readonly fp: bigint
  readonly isUser: boolean
  /** Further ones, by their names. */
  readonly others: Readonly<Record<string, bigint>>
}

const NT_PRSTATUS = 1

/** Reads what a trap has left on the stack (struct pt_regs). */
export function readTrapped({ registers }: ArchFacts, bytes: Buffer): Registers {
  const at = (offset: number) => bytes.readBigUInt64LE(offset)
  const { pc, sp, fp, mode } = registers
  return {
    ...{ pc: at(pc), sp: at(sp), fp: at(fp) },
    isUser: (bytes.readUInt16LE(mode.at) & mode.mask) !== 0,
    others: readOthers(registers.others, at),
  }
}

/** Reads what a task that does not run has on its stack, of which `sp` is the end. */
export function readSleeping({ sleeping }: ArchFacts, bytes: Buffer, sp: bigint): Registers {
  const at = (offset: number) => bytes.readBigUInt64LE(offset)
  return {
    ...{ pc: at(sleeping.pc), fp: at(sleeping.fp), sp: sp + BigInt(sleeping.size) },
    isUser: false,
    others: readOthers(sleeping.others, at),
  }
}

/** The registers of each CPU, in their order, from the notes of a dump. */
export function registersIn(arch: ArchFacts, notes: Buffer): Registers[] {
  const { inPrstatus, size } = arch.registers
  return [...elfNotes(notes)]
    .filter(
      ({ name, type, content }) =>
        name === 'CORE' && type === NT_PRSTATUS && content.length >= inPrstatus + size,
    )
    .map(({ content }) => readTrapped(arch, content.subarray(inPrstatus)))
}

function readOthers(
  places: Readonly<Record<string, number>>,
  at: (offset: number) => bigint,
): Readonly<Record<string, bigint>> {
  return Object.fromEntries(Object.entries(places).map(([name, offset]) => [name, at(offset)]))
}
