import { elfHeader, elfSegments, ET_CORE, PT_LOAD, PT_NOTE } from '../../base/index.ts'
import { archOfElf } from '../arch/arch.ts'
import { vmcoreinfoIn } from './notes.ts'
import { registersIn } from './registers.ts'
import { DumpError, MAX_READ, sane, type Dump, type Source } from './source.ts'

interface Segment {
  readonly physical: number
  readonly at: number
  readonly size: number
}

/** An ELF core of physical memory: QEMU's dump-guest-memory, /proc/vmcore. */
export function readElfCore(source: Source): Dump {
  const { type: kind, machine } = elfHeader(source)
  if (kind !== ET_CORE) throw new DumpError('it is an ELF file, but no core dump')
  const arch = archOfElf(machine)
  if (!arch)
    throw new DumpError(`it is of a machine that klab cannot read yet (ELF machine ${machine})`)
  const segments: Segment[] = []
  let notes: Buffer = Buffer.alloc(0)
  for (const { type, at, physical, fileSize } of elfSegments(source)) {
    if (type === PT_LOAD) segments.push({ physical, at, size: fileSize })
    if (type === PT_NOTE && notes.length === 0)
      notes = source.read(at, sane(fileSize, MAX_READ, 'note'))
  }
  segments.sort((a, b) => a.physical - b.physical)
  return {
    format: 'elf',
    arch,
    vmcoreinfo: vmcoreinfoIn(notes),
    registers: registersIn(arch, notes),
    readPhysical: (at, length) => readSegments(source, segments, { at, length }),
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
