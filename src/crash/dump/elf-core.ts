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
  const memory = disjoint(segments)
  return {
    format: 'elf',
    arch,
    vmcoreinfo: vmcoreinfoIn(notes),
    registers: registersIn(arch, notes),
    readPhysical: (at, length) => readSegments(source, memory, { at, length }),
  }
}

/** In the order of their addresses, each with what is in none before: the kernel's image is in two, where it lies and where it is mapped. */
function disjoint(segments: readonly Segment[]): Segment[] {
  const parts: Segment[] = []
  let end = 0
  for (const { physical, at, size } of segments.toSorted((a, b) => a.physical - b.physical)) {
    const known = Math.max(0, end - physical)
    if (known >= size) continue
    parts.push({ physical: physical + known, at: at + known, size: size - known })
    end = physical + size
  }
  return parts
}

/** A file may tell of a million of them. */
function lastBefore(segments: readonly Segment[], address: number): Segment | undefined {
  let low = 0
  let high = segments.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((segments[middle]?.physical ?? 0) <= address) low = middle + 1
    else high = middle
  }
  return segments[low - 1]
}

function readSegments(
  source: Source,
  segments: readonly Segment[],
  { at, length }: { at: number; length: number },
): Buffer {
  const parts: Buffer[] = []
  let from = at
  while (from < at + length) {
    const segment = lastBefore(segments, from)
    if (!segment || from >= segment.physical + segment.size)
      throw new DumpError(`it has no memory at ${hex(from)}`)
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
