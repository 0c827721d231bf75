import { expect, test } from 'vitest'

import { readCpus } from './registers.ts'

/** As QEMU 7 shows them, but for most lines. */
const SAID = `
CPU#0
RAX=0000000000000000 RBX=ffffffff82a1a940 RCX=0000000000000000 RDX=0000000000000000
RIP=ffffffff81c0a2bb RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1
CS =0010 0000000000000000 ffffffff 00af9b00 DPL=0 CS64 [-RA]

CPU#1
RIP=00007f30cc75c350 RFL=00000046 [---Z-P-] CPL=3 II=0 A20=1 SMM=0 HLT=0

CPU#2
not shown
`

test('the registers of virtual CPUs are read from what the monitor of QEMU says', () => {
  expect(readCpus(SAID, 'x86_64')).toEqual([
    { cpu: 0, pc: 0xffffffff81c0a2bbn, flags: 0x246, level: 0, halted: true },
    { cpu: 1, pc: 0x7f30cc75c350n, flags: 0x46, level: 3, halted: false },
  ])
})

test('flags that are not shown are those of a CPU that takes interrupts', () => {
  expect(readCpus('CPU#0\nRIP=1', 'x86_64')).toEqual([
    { cpu: 0, pc: 1n, flags: 0x200, level: 0, halted: false },
  ])
})
