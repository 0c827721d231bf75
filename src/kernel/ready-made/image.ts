import { InfraError, isElf, messageOf, type Bytes } from '../../base/index.ts'
import { withFileBytes } from '../../host/index.ts'
import { archOfElf, archOfHeader, DEFAULT_ARCH } from '../arch/arch.ts'

/** What a bootable image says of itself. */
export interface ImageFacts {
  readonly format: 'bzImage' | 'elf'
  /** `6.1.0-56-amd64`; an ELF image does not say. */
  readonly release: string | undefined
  /** Which build of it: `#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-…)`; an ELF image does not say. */
  readonly version: string | undefined
}

/** Reads the header of a kernel image. Throws InfraError if it is not a whole image of the architecture that is booted. */
export function imageFacts(path: string): ImageFacts {
  const { head, size } = readHead(path)
  const elf = isElf(head)
  const arch = elf ? archOfElf(head.readUInt16LE(18)) : archOfHeader(head)
  if (arch === undefined) throw wrong(path, `is not a Linux kernel image (${describeHead(head)})`)
  if (arch !== DEFAULT_ARCH) {
    const what = elf ? 'an ELF file' : 'a kernel'
    throw wrong(path, `is ${what} for ${arch}, and this machine is ${DEFAULT_ARCH}`)
  }
  return elf
    ? { format: 'elf', release: undefined, version: undefined }
    : bzImageFacts(path, head, size)
}

/** Documentation/arch/x86/boot.rst */
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
  // arch/x86/boot/version.c: release (builder) version.
  const text = head.toString('latin1', version, Math.min(head.length, version + 300))
  // It becomes a part of paths.
  const [, release, , build] =
    /^(\d[!-.0-~]{0,63})(?: (\([^()\0]*\)))?(?: (#[^\0]+))?[\s\0]/.exec(text) ?? []
  return { format: 'bzImage', release, version: build }
}

function describeHead(head: Buffer): string {
  if (head.readUInt16BE(0) === 0x1f8b) return 'it is gzip data'
  if (head.every((byte) => byte === 0)) return 'it begins with zeroes'
  if (head.subarray(0, 64).every((byte) => byte >= 9 && byte < 127)) return 'it is text'
  return 'no header that klab knows'
}

function readHead(path: string): { head: Buffer; size: number } {
  try {
    return withFileBytes(path, (file) => headOf(path, file))
  } catch (error) {
    if (error instanceof InfraError) throw error
    throw new InfraError('IMAGE', `cannot read the kernel image ${path}: ${messageOf(error)}`)
  }
}

function headOf(path: string, file: Bytes): { head: Buffer; size: number } {
  const { size } = file
  if (size < 1024) throw wrong(path, `is truncated or empty: ${size} bytes`)
  return { head: file.read(0, Math.min(size, 64 * 1024)), size }
}

function wrong(path: string, what: string): InfraError {
  return new InfraError('IMAGE', `${path} ${what}`)
}
