import type { ArchFacts } from '../arch/arch.ts'
import { PAGE, type Kdump } from './kdump.ts'
import { ET_CORE, PT_LOAD, PT_NOTE } from '../../base/index.ts'
import { vmcoreinfoIn } from './notes.ts'
import { Vmcoreinfo } from './vmcoreinfo.ts'

/** A part of a file. */
export interface Write {
  readonly at: number
  readonly bytes: Buffer
}

const HEADER = 64
const PROGRAM_HEADER = 56
/** Readable, writable, executable. */
const RWX = 7
/** So much is written at once, where it is in one piece. */
const MAX_WRITE = 1024 * 1024

interface Segment {
  readonly type: number
  readonly at: number
  readonly size: number
  readonly physical: number
  readonly virtual: bigint
}

/**
 * What a kdump holds as an ELF core (elf(5)): its size, and what is to be written; the rest are holes. Each run of memory is a segment by its physical address
 * and, so that gdb finds variables of the kernel, the one with the image once more where it is mapped, as in /proc/vmcore.
 */
export function elfOf(kdump: Kdump): { readonly size: number; readonly writes: Iterable<Write> } {
  const memory = kdump.memory()
  const notes = Buffer.concat([kdump.notes, descriptionOf(kdump)])
  const head = HEADER + PROGRAM_HEADER * (memory.length + 2)
  const begin = roundUp(head + notes.length)
  let at = begin
  const loads = memory.map(({ first, count }): Segment => {
    const size = count * PAGE
    const segment = { type: PT_LOAD, at, size, physical: first * PAGE, virtual: 0n }
    at += size
    return segment
  })
  const noted = { type: PT_NOTE, at: head, size: notes.length, physical: 0, virtual: 0n }
  const segments = [noted, ...imageOf(kdump, loads), ...loads]
  return { size: at, writes: writesOf(kdump, { segments, loads, notes, head }) }
}

function* writesOf(
  kdump: Kdump,
  parts: {
    segments: readonly Segment[]
    loads: readonly Segment[]
    notes: Buffer
    head: number
  },
): Generator<Write> {
  const { segments, loads, notes, head } = parts
  yield { at: 0, bytes: headerOf(kdump.arch, segments) }
  yield { at: head, bytes: notes }
  let pending: Buffer[] = []
  let start = 0
  let load = 0
  for (const { number, content } of kdump.filled()) {
    const physical = number * PAGE
    while (physical >= (loads[load]?.physical ?? 0) + (loads[load]?.size ?? Infinity)) load++
    const segment = loads[load]
    if (!segment || physical < segment.physical) continue
    const at = segment.at + physical - segment.physical
    const isNext = at === start + pending.length * PAGE && pending.length * PAGE < MAX_WRITE
    if (!isNext) {
      if (pending.length > 0) yield { at: start, bytes: Buffer.concat(pending) }
      pending = []
      start = at
    }
    pending.push(content)
  }
  if (pending.length > 0) yield { at: start, bytes: Buffer.concat(pending) }
}

function headerOf({ elfMachine }: ArchFacts, segments: readonly Segment[]): Buffer {
  const header = Buffer.alloc(HEADER + PROGRAM_HEADER * segments.length)
  // 64-bit, little-endian, version 1.
  header.write('\x7fELF\x02\x01\x01', 'latin1')
  header.writeUInt16LE(ET_CORE, 16)
  header.writeUInt16LE(elfMachine, 18)
  header.writeUInt32LE(1, 20)
  header.writeBigUInt64LE(BigInt(HEADER), 32)
  header.writeUInt16LE(HEADER, 52)
  header.writeUInt16LE(PROGRAM_HEADER, 54)
  header.writeUInt16LE(segments.length, 56)
  for (const [index, { type, at, size, physical, virtual }] of segments.entries()) {
    const from = HEADER + index * PROGRAM_HEADER
    header.writeUInt32LE(type, from)
    header.writeUInt32LE(type === PT_LOAD ? RWX : 0, from + 4)
    header.writeBigUInt64LE(BigInt(at), from + 8)
    header.writeBigUInt64LE(virtual, from + 16)
    header.writeBigUInt64LE(BigInt(physical), from + 24)
    header.writeBigUInt64LE(BigInt(size), from + 32)
    header.writeBigUInt64LE(BigInt(size), from + 40)
  }
  return header
}

/** Where the kernel's image is mapped, as far as it tells. */
function imageOf({ arch, vmcoreinfo }: Kdump, loads: readonly Segment[]): Segment[] {
  const { physicalBase, window, start: linked } = arch.image
  const base =
    vmcoreinfo === undefined ? undefined : new Vmcoreinfo(vmcoreinfo).number(physicalBase)
  if (base === undefined) return []
  // It may be negative: the image begins at 16 MiB of its mapping.
  const start = Math.max(0, Number(base))
  const load = loads.find(({ physical, size }) => physical <= start && start < physical + size)
  if (!load) return []
  const inside = start - load.physical
  const size = Math.min(Number(window), load.size - inside)
  const virtual = linked + BigInt(start) - base
  return [{ type: PT_LOAD, at: load.at + inside, size, physical: start, virtual }]
}

/** The kernel's description of itself as a note, unless it is among the others. */
function descriptionOf({ notes, vmcoreinfo }: Kdump): Buffer {
  if (vmcoreinfo === undefined || vmcoreinfoIn(notes) !== undefined) return Buffer.alloc(0)
  const name = Buffer.from('VMCOREINFO\0\0')
  const content = Buffer.from(vmcoreinfo, 'latin1')
  const head = Buffer.alloc(12)
  head.writeUInt32LE(11, 0)
  head.writeUInt32LE(content.length, 4)
  return Buffer.concat([head, name, content, Buffer.alloc((4 - (content.length % 4)) % 4)])
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / PAGE) * PAGE
}
