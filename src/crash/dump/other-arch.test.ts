import { expect, test } from 'vitest'

import { AddressSpace } from './address-space.ts'
import { openDump } from './open.ts'
import { DumpError, type Source } from './source.ts'
import { Vmcoreinfo } from './vmcoreinfo.ts'

const PAGE = 4096
/** Of arm64, as kernel/vmcore_info.c and arch/arm64/kernel/vmcore_info.c write it. */
const ARM64 = 'PAGESIZE=4096\nSYMBOL(swapper_pg_dir)=ffff800081f2a000\nNUMBER(VA_BITS)=48\n'

function sourceOf(bytes: Buffer): Source {
  return { size: bytes.length, read: (at, length) => bytes.subarray(at, at + length) }
}

/** The header of an ELF core, 64-bit and little-endian, without anything else. */
function elfCore(machine: number): Source {
  const file = Buffer.alloc(PAGE)
  file.write('\x7fELF\x02\x01\x01', 'latin1')
  file.writeUInt16LE(4, 16)
  file.writeUInt16LE(machine, 18)
  file.writeBigUInt64LE(64n, 32)
  file.writeUInt16LE(64, 52)
  file.writeUInt16LE(56, 54)
  return sourceOf(file)
}

/** A kdump file without pages, but with VMCOREINFO. */
function kdump(vmcoreinfo: string): Source {
  const file = Buffer.alloc(6 * PAGE)
  file.write('KDUMP   ', 'latin1')
  file.writeInt32LE(PAGE, 428)
  file.writeInt32LE(1, 432)
  file.writeUInt32LE(2, 436)
  file.writeBigUInt64LE(BigInt(5 * PAGE), PAGE + 32)
  file.writeBigUInt64LE(BigInt(vmcoreinfo.length), PAGE + 40)
  file.write(vmcoreinfo, 5 * PAGE, 'latin1')
  return sourceOf(file)
}

test.each([
  ['arm64', 183],
  ['riscv', 243],
  ['i386', 3],
])('an ELF core of %s is refused in a sentence', (_name, machine) => {
  const open = () => openDump(elfCore(machine))
  expect(open).toThrow(DumpError)
  expect(open).toThrow(`it is of a machine that klab cannot read yet (ELF machine ${machine})`)
})

test('an ELF core of x86_64 is one', () => {
  expect(openDump(elfCore(62))).toMatchObject({ format: 'elf', registers: [] })
})

test('a kdump of another architecture is refused in a sentence', () => {
  const dump = openDump(kdump(ARM64))
  const look = () => new AddressSpace(dump, new Vmcoreinfo(dump.vmcoreinfo ?? ''))
  expect(look).toThrow(DumpError)
  expect(look).toThrow('its VMCOREINFO does not tell NUMBER(phys_base); klab reads x86_64 dumps')
})
