import { expect, test } from 'vitest'

import { archFacts } from '../arch/arch.ts'
import { AddressSpace } from './address-space.ts'
import { Layout } from './layout.ts'
import { readTrapped } from './registers.ts'
import { stepOf, unwind } from './unwind.ts'
import { Vmcoreinfo } from './vmcoreinfo.ts'

const X86 = archFacts('x86_64')
/** Where the first byte of memory is mapped. */
const IMAGE = 0xffffffff80000000n
const at = { root: 0, upper: 0x1000, ips: 0x2000, entries: 0x3000, stack: 0x4000, end: 0x5000 }
const TEXT = IMAGE + 0x100000n
const STACK = IMAGE + BigInt(at.stack)

/** By what the caller's stack pointer is found (ORC_REG_*). */
const [DX, BP, SP, R10, BP_INDIRECT] = [2, 4, 5, 6, 8]
/** Since 6.4. */
const [END, CALL, REGS, IRET] = [1, 2, 3, 4]

interface Entry {
  readonly type: number
  readonly sp: readonly [register: number, offset: number]
  /** The caller's frame pointer is on the stack, so far from its stack pointer. */
  readonly fp?: number
}

/** A kernel with functions of 0x100 bytes from TEXT on, an entry for each, and longs on its stack. */
function kernelOf(entries: readonly Entry[], stack: Readonly<Record<number, bigint>>) {
  const memory = Buffer.alloc(at.end)
  // One gigabyte in one page.
  memory.writeBigUInt64LE(BigInt(at.upper) | 1n, at.root + 511 * 8)
  memory.writeBigUInt64LE(0x81n, at.upper + 510 * 8)
  for (const [index, { type, sp, fp }] of entries.entries()) {
    const place = at.ips + index * 4
    memory.writeInt32LE(Number(TEXT - IMAGE) + index * 0x100 - place, place)
    const entry = at.entries + index * 6
    memory.writeInt16LE(sp[1], entry)
    memory.writeInt16LE(fp ?? 0, entry + 2)
    memory.writeUInt16LE(sp[0] | ((fp === undefined ? 0 : 1) << 4) | (type << 8), entry + 4)
  }
  for (const [offset, value] of Object.entries(stack))
    memory.writeBigUInt64LE(value, at.stack + Number(offset))
  const info = new Vmcoreinfo(`NUMBER(phys_base)=0\nSYMBOL(init_top_pgt)=${IMAGE.toString(16)}`)
  const dump = {
    ...({ format: 'elf', arch: X86, vmcoreinfo: undefined, registers: [] } as const),
    readPhysical: (from: number, length: number) => memory.subarray(from, from + length),
  }
  const symbols: Readonly<Record<string, bigint>> = {
    __start_orc_unwind_ip: IMAGE + BigInt(at.ips),
    __stop_orc_unwind_ip: IMAGE + BigInt(at.ips + entries.length * 4),
    __start_orc_unwind: IMAGE + BigInt(at.entries),
  }
  const space = new AddressSpace(dump, info)
  return { space, step: stepOf(space, new Layout(new Map(), (name) => symbols[name], 0n)) }
}

/** struct pt_regs with what it has at these places. */
function trap(places: Readonly<Record<number, bigint>>): Buffer {
  const bytes = Buffer.alloc(X86.registers.size)
  for (const [offset, value] of Object.entries(places))
    bytes.writeBigUInt64LE(value, Number(offset))
  return bytes
}

const inFunction = (index: number, offset = 0x10n) => TEXT + BigInt(index) * 0x100n + offset
const [PC, CS, STACK_POINTER, FP, R10_AT, DX_AT] = [128, 136, 152, 32, 56, 96]
const END_OF_STACK: Entry = { type: END, sp: [0, 0] }

interface Case {
  readonly through: string
  readonly entry: Entry
  readonly stack: Readonly<Record<number, bigint>>
  /** Registers by their place, as offsets on the stack. */
  readonly registers?: Readonly<Record<number, bigint>>
}

test.each<Case>([
  {
    through: 'a call, by the stack pointer',
    entry: { type: CALL, sp: [SP, 16] },
    stack: { 8: inFunction(1) },
  },
  {
    through: 'a call, by the frame pointer',
    entry: { type: CALL, sp: [BP, 16] },
    stack: { 0x48: inFunction(1) },
  },
  {
    through: 'a call, by what the frame pointer leads to',
    entry: { type: CALL, sp: [BP_INDIRECT, -8] },
    stack: { 0x38: STACK + 0x80n, 0x78: inFunction(1) },
  },
  {
    through: 'a call, by r10',
    entry: { type: CALL, sp: [R10, 0] },
    stack: { 0x58: inFunction(1) },
    registers: { [R10_AT]: 0x60n },
  },
  {
    through: 'a call, by dx',
    entry: { type: CALL, sp: [DX, 0] },
    stack: { 0x58: inFunction(1) },
    registers: { [DX_AT]: 0x60n },
  },
  {
    through: 'a trap',
    entry: { type: REGS, sp: [SP, 0] },
    stack: { [PC]: inFunction(1), [CS]: 0x10n },
  },
  {
    through: 'an interrupt',
    entry: { type: IRET, sp: [SP, 0] },
    stack: { 0: inFunction(1), 8: 0x10n, 24: STACK },
  },
])('a stack is followed through $through', ({ entry, stack, registers = {} }) => {
  const { space, step } = kernelOf([entry, END_OF_STACK, { type: CALL, sp: [SP, 8] }], stack)
  const start = { [PC]: inFunction(0), [STACK_POINTER]: STACK, [FP]: STACK + 0x40n, [CS]: 0x10n }
  const bytes = trap(start)
  for (const [place, offset] of Object.entries(registers))
    bytes.writeBigUInt64LE(STACK + offset, Number(place))
  expect(unwind(space, step, readTrapped(X86, bytes))).toEqual([
    { address: inFunction(0), isReturn: false },
    { address: inFunction(1), isReturn: entry.type === CALL },
  ])
})

test('a stack ends at a trap out of user space, and where nothing is mapped', () => {
  const user = { [PC]: inFunction(1), [CS]: 0x33n }
  const from = trap({ [PC]: inFunction(0), [STACK_POINTER]: STACK, [CS]: 0x10n })
  for (const entry of [
    { type: REGS, sp: [SP, 0] },
    { type: CALL, sp: [BP, 0] },
    // Registers are known at a trap alone, and these are 0.
    { type: CALL, sp: [R10, 0] },
  ] as const) {
    const { space, step } = kernelOf([entry, { type: CALL, sp: [SP, 8] }], user)
    expect(unwind(space, step, readTrapped(X86, from))).toHaveLength(1)
  }
})
