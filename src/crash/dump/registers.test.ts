import { expect, test } from 'vitest'

import { archFacts } from '../arch/arch.ts'
import { readSleeping, readTrapped } from './registers.ts'

const X86 = archFacts('x86_64')

/** So many longs, each of which is its own place in bytes. */
function longs(count: number): Buffer {
  const bytes = Buffer.alloc(count * 8)
  for (let index = 0; index < count; index++) bytes.writeBigUInt64LE(BigInt(index * 8), index * 8)
  return bytes
}

test('registers of a trap are where struct pt_regs has them', () => {
  // r15 r14 r13 r12 bp bx r11 r10 r9 r8 ax cx dx si di orig_ax ip cs flags sp ss
  const registers = longs(21)
  registers.writeBigUInt64LE(0x10n, 17 * 8)
  expect(readTrapped(X86, registers)).toEqual({
    ...{ pc: 128n, sp: 152n, fp: 32n, isUser: false },
    others: { r13: 16n, r10: 56n, dx: 96n, di: 112n },
  })
  registers.writeBigUInt64LE(0x33n, 17 * 8)
  expect(readTrapped(X86, registers).isUser).toBe(true)
})

test('registers of a task that sleeps are where struct inactive_task_frame has them', () => {
  // r15 r14 r13 r12 bx bp, and where to return to
  expect(readSleeping(X86, longs(7), 0x1000n)).toEqual({
    ...{ pc: 48n, fp: 40n, sp: 0x1038n, isUser: false },
    others: { r13: 16n },
  })
})
