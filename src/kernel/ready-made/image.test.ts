import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'

import { imageFacts } from './image.ts'

const dir = mkdtempSync(join(tmpdir(), 'klab-image-'))
afterAll(() => rmSync(dir, { recursive: true }))

function image(write: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.alloc(8192)
  write(bytes)
  return bytes
}

function elf(machine: number): Buffer {
  return image((bytes) => {
    bytes.writeUInt32BE(0x7f454c46, 0)
    bytes.writeUInt16LE(machine, 18)
  })
}

test.each<[string, Buffer, RegExp]>([
  ['an arm64 Image', image((b) => b.write('ARM\x64', 0x38, 'latin1')), /a kernel for arm64/],
  ['a riscv Image', image((b) => b.write('RSC\x05', 0x38, 'latin1')), /a kernel for riscv/],
  ['a zImage', image((b) => b.writeUInt32LE(0x016f2818, 0x24)), /a kernel for arm, and/],
  ['an ELF file of arm64', elf(183), /an ELF file for arm64, and this machine is x86_64/],
  ['an ELF file of who knows', elf(9999), /an ELF file for machine 9999/],
  ['zeroes', image(() => undefined), /is not a Linux kernel image \(it begins with zeroes\)/],
])('%s is refused by name', (name, bytes, reason) => {
  const path = join(dir, name.replaceAll(' ', '-'))
  writeFileSync(path, bytes)
  expect(() => imageFacts(path)).toThrow(reason)
})

test('an ELF kernel of this architecture is taken', () => {
  const path = join(dir, 'vmlinux')
  writeFileSync(path, elf(62))
  expect(imageFacts(path)).toEqual({ format: 'elf', release: undefined, version: undefined })
})
