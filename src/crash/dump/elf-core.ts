import { vmcoreinfoIn } from './notes.ts'
import { registersIn } from './registers.ts'
import { DumpError, MAX_READ, sane, type Dump, type Source } from './source.ts'

interface Segment {
  readonly physical: number
  readonly at: number
  readonly size: number
}

const PT_LOAD = 1
export const PT_NOTE = 4
/** More segments than e_phnum can say (elf(5)): the number is in the first section header then. */
const PN_XNUM = 0xffff
const MAX_SEGMENTS = 1 << 20
const EM_X86_64 = 62

/** An ELF core of physical memory: QEMU's dump-guest-memory, /proc/vmcore. */
export function readElfCore(source: Source): Dump {
  const header = source.read(0, 64)
  if (header.readUInt16LE(16) !== 4) throw new DumpError('it is an ELF file, but no core dump')
  const machine = header.readUInt16LE(18)
  if (machine !== EM_X86_64)
    throw new DumpError(`it is of a machine that klab cannot read yet (ELF machine ${machine})`)
  const segments: Segment[] = []
  let notes: Buffer = Buffer.alloc(0)
  for (const { type, at, physical, fileSize } of programHeaders(source, header)) {
    if (type === PT_LOAD) segments.push({ physical, at, size: fileSize })
    if (type === PT_NOTE && notes.length === 0)
      notes = source.read(at, sane(fileSize, MAX_READ, 'note'))
  }
  segments.sort((a, b) => a.physical - b.physical)
  return {
    format: 'elf',
    vmcoreinfo: vmcoreinfoIn(notes),
    registers: registersIn(notes),
    readPhysical: (at, length) => readSegments(source, segments, { at, length }),
  }
}

/** The program headers of a 64-bit ELF file (elf(5)). Throws DumpError for what they cannot be. */
export function* programHeaders(source: Source, header: Buffer) {
  if (header[4] !== 2 || header[5] !== 1)
    throw new DumpError('it is not a 64-bit little-endian ELF file')
  const table = sane(header.readBigUInt64LE(32), source.size, 'program header table')
  const entry = header.readUInt16LE(54)
  let count = header.readUInt16LE(56)
  if (count === PN_XNUM) {
    const sections = sane(header.readBigUInt64LE(40), source.size, 'section header table')
    count = sane(source.read(sections, 64).readUInt32LE(44), MAX_SEGMENTS, 'number of segments')
  }
  if (count > 0 && entry < 56) throw new DumpError('its program headers are too short')
  const bytes = source.read(table, count * entry)
  for (let index = 0; index < count; index++) {
    const one = bytes.subarray(index * entry, (index + 1) * entry)
    yield {
      type: one.readUInt32LE(0),
      at: sane(one.readBigUInt64LE(8), Number.MAX_SAFE_INTEGER, 'segment'),
      physical: sane(one.readBigUInt64LE(24), Number.MAX_SAFE_INTEGER, 'segment'),
      fileSize: sane(one.readBigUInt64LE(32), Number.MAX_SAFE_INTEGER, 'segment'),
    }
  }
}

function readSegments(
  source: Source,
  segments: readonly Segment[],
  { at, length }: { at: number; length: number },
): Buffer {
  const parts: Buffer[] = []
  let from = at
  while (from < at + length) {
    const segment = segments.find(
      ({ physical, size }) => from >= physical && from < physical + size,
    )
    if (!segment) throw new DumpError(`it has no memory at ${hex(from)}`)
    const inside = from - segment.physical
    const part = Math.min(at + length - from, segment.size - inside)
    parts.push(source.read(segment.at + inside, part))
    from += part
  }
  return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts)
}

function hex(value: number): string {
  return `0x${value.toString(16)}`
}
