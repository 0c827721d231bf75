import { open } from 'node:fs/promises'

import { InfraError, messageOf } from '../../base/index.ts'

/** What a bootable image says of itself. */
export interface ImageFacts {
  readonly format: 'bzImage' | 'elf'
  /** `6.1.0-56-amd64`; an ELF image does not say. */
  readonly release: string | undefined
}

/** Machine numbers of ELF (e_machine), for naming what is not ours. */
const ELF_MACHINES: Record<number, string> = {
  3: 'i386',
  21: 'ppc64',
  22: 's390',
  40: 'arm',
  62: 'x86_64',
  183: 'arm64',
  243: 'riscv',
  258: 'loongarch',
}

/** Reads the header of a kernel image. Throws InfraError if it is not a whole image for x86_64. */
export async function imageFacts(path: string): Promise<ImageFacts> {
  const { head, size } = await readHead(path)
  // Documentation/arch/x86/boot.rst: the real-mode header.
  if (head.length > 0x264 && head.toString('latin1', 0x202, 0x206) === 'HdrS') {
    return bzImageFacts(path, head, size)
  }
  if (head.readUInt32BE(0) === 0x7f454c46) return elfFacts(path, head)
  const other = otherArchitecture(head)
  if (other) throw wrong(path, `is a kernel for ${other}, and this machine is x86_64`)
  throw wrong(path, `is not a Linux kernel image (${describeHead(head)})`)
}

function bzImageFacts(path: string, head: Buffer, size: number): ImageFacts {
  const protocol = head.readUInt16LE(0x206)
  const setupSectors = head.readUInt8(0x1f1) || 4
  // syssize counts the protected-mode part in units of 16 bytes.
  const expected = (setupSectors + 1) * 512 + head.readUInt32LE(0x1f4) * 16
  if (size < expected) {
    throw wrong(path, `is truncated: ${size} bytes of the ${expected} that its header promises`)
  }
  // XLF_KERNEL_64, since boot protocol 2.12 (v3.8).
  const is64Bit = protocol >= 0x20c && (head.readUInt16LE(0x236) & 1) !== 0
  if (!is64Bit) throw wrong(path, 'is a 32-bit x86 kernel, and klab runs x86_64')
  const version = head.readUInt16LE(0x20e) + 0x200
  const text = head.toString('latin1', version, Math.min(head.length, version + 200))
  return { format: 'bzImage', release: /^(\S+)[\s\0]/.exec(text)?.[1] }
}

function elfFacts(path: string, head: Buffer): ImageFacts {
  const machine = head.readUInt16LE(18)
  if (machine === 62) return { format: 'elf', release: undefined }
  throw wrong(
    path,
    `is an ELF file for ${ELF_MACHINES[machine] ?? `machine ${machine}`}, and this machine is x86_64`,
  )
}

function otherArchitecture(head: Buffer): string | undefined {
  // Documentation/arch/arm64/booting.rst, riscv/boot-image-header.rst; arm's zImage.
  if (head.toString('latin1', 0x38, 0x3c) === 'ARM\x64') return 'arm64'
  if (head.toString('latin1', 0x38, 0x3c) === 'RSC\x05') return 'riscv'
  if (head.readUInt32LE(0x24) === 0x016f2818) return 'arm'
  return undefined
}

function describeHead(head: Buffer): string {
  if (head.readUInt16BE(0) === 0x1f8b) return 'it is gzip data'
  if (head.every((byte) => byte === 0)) return 'it begins with zeroes'
  if (head.subarray(0, 64).every((byte) => byte >= 9 && byte < 127)) return 'it is text'
  return 'no header that klab knows'
}

async function readHead(path: string): Promise<{ head: Buffer; size: number }> {
  try {
    await using file = await open(path, 'r')
    const { size } = await file.stat()
    const buffer = Buffer.alloc(Math.min(size, 64 * 1024))
    await file.read(buffer, 0, buffer.length, 0)
    if (buffer.length < 1024) throw wrong(path, `is truncated or empty: ${size} bytes`)
    return { head: buffer, size }
  } catch (error) {
    if (error instanceof InfraError) throw error
    throw new InfraError('IMAGE', `cannot read the kernel image ${path}: ${messageOf(error)}`)
  }
}

function wrong(path: string, what: string): InfraError {
  return new InfraError('IMAGE', `${path} ${what}`)
}
