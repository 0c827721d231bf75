import { FormatError, sane, type Bytes } from './bytes.ts'

/**
 * Reads 64-bit little-endian ELF files (elf(5)): modules, vmlinux, core dumps. Nothing in a file is believed: whatever leads out of it, or is larger
 * than it may be, is a FormatError.
 */
export interface ElfHeader {
  /** e_type: 2 for a program, 4 for a core dump. */
  readonly type: number
  /** e_machine. */
  readonly machine: number
}

export interface ElfSegment {
  readonly type: number
  /** Where its content is in the file. */
  readonly at: number
  readonly physical: number
  readonly fileSize: number
}

export interface ElfSection {
  readonly name: string
  readonly type: number
  readonly at: number
  readonly size: number
}

/** One note (Nhdr). */
export interface ElfNote {
  readonly name: string
  readonly type: number
  readonly content: Buffer
}

export const PT_LOAD = 1
export const PT_NOTE = 4
export const ET_CORE = 4
/** A section that has a size, and no content in the file. */
const SHT_NOBITS = 8
const NT_GNU_BUILD_ID = 3
/** More segments than e_phnum can say: the number is in the first section header then. */
const PN_XNUM = 0xffff
const MAX_SEGMENTS = 1 << 20
/** Nothing that is read at once is larger. */
const MAX_READ = 256 * 1024 * 1024
const HEADER = 64
/** So that many sections with endless names take no time. */
const MAX_NAME = 256

/** Whether the first four bytes are an ELF file's. */
export function isElf(head: Buffer): boolean {
  return head.length >= 4 && head.readUInt32BE(0) === 0x7f454c46
}

/** What the file says that it is. Throws FormatError for what is no such ELF file. */
export function elfHeader(bytes: Bytes): ElfHeader {
  const header = headerOf(bytes)
  return { type: header.readUInt16LE(16), machine: header.readUInt16LE(18) }
}

/** The program headers. Throws FormatError for what they cannot be. */
export function elfSegments(bytes: Bytes): ElfSegment[] {
  const header = headerOf(bytes)
  const table = sane(header.readBigUInt64LE(32), bytes.size, 'program header table')
  const entry = header.readUInt16LE(54)
  let count = header.readUInt16LE(56)
  if (count === PN_XNUM) {
    const sections = sane(header.readBigUInt64LE(40), bytes.size, 'section header table')
    count = sane(bytes.read(sections, 64).readUInt32LE(44), MAX_SEGMENTS, 'number of segments')
  }
  if (count > 0 && entry < 56) throw new FormatError('its program headers are too short')
  return entries(bytes, { table, entry, count }).map((one) => ({
    type: one.readUInt32LE(0),
    at: placeIn(one, 8, 'segment'),
    physical: placeIn(one, 24, 'segment'),
    fileSize: placeIn(one, 32, 'segment'),
  }))
}

/** The sections. Throws FormatError for what they cannot be. */
function elfSections(bytes: Bytes): ElfSection[] {
  const header = headerOf(bytes)
  const table = sane(header.readBigUInt64LE(40), bytes.size, 'section header table')
  const [entry, count] = [header.readUInt16LE(58), header.readUInt16LE(60)]
  if (count === 0) return []
  if (entry < 64) throw new FormatError('its section headers are too short')
  const drafts = entries(bytes, { table, entry, count }).map((one) => ({
    nameAt: one.readUInt32LE(0),
    type: one.readUInt32LE(4),
    at: placeIn(one, 24, 'section'),
    size: placeIn(one, 32, 'section'),
  }))
  const named = drafts[header.readUInt16LE(62)]
  if (!named) throw new FormatError('its sections have no names')
  const names = bytes.read(named.at, sane(named.size, MAX_READ, 'table of names'))
  return drafts.map(({ nameAt, ...rest }) => ({ name: textAt(names, nameAt), ...rest }))
}

/** Whether it tells of types and lines (DWARF). Throws FormatError for what is no such ELF file. */
export function elfHasDwarf(bytes: Bytes): boolean {
  return elfSections(bytes).some(({ name, size }) => /^\.z?debug_info$/.test(name) && size > 0)
}

/** The content of a section; undefined if there is none of that name, or it has none. Throws FormatError for what is no such ELF file. */
export function elfSection(bytes: Bytes, name: string): Buffer | undefined {
  const found = elfSections(bytes).find((section) => section.name === name)
  if (!found || found.type === SHT_NOBITS) return undefined
  return bytes.read(found.at, sane(found.size, MAX_READ, `section ${name}`))
}

/** The notes of a segment or section, up to the first that cannot be. */
export function* elfNotes(notes: Buffer): Generator<ElfNote> {
  const align = (value: number) => (value + 3) & ~3
  for (let at = 0; at + 12 <= notes.length;) {
    const nameSize = notes.readUInt32LE(at)
    const size = notes.readUInt32LE(at + 4)
    const name = at + 12
    const content = name + align(nameSize)
    if (nameSize > notes.length || size > notes.length || content + size > notes.length) return
    yield {
      name: notes.toString('latin1', name, name + nameSize).replace(/\0+$/, ''),
      type: notes.readUInt32LE(at + 8),
      content: notes.subarray(content, content + size),
    }
    at = content + align(size)
  }
}

/** The build id, in hexadecimal; undefined for a file that has none. Throws FormatError for what is no such ELF file. */
export function elfBuildId(bytes: Bytes): string | undefined {
  for (const { type, at, fileSize } of elfSegments(bytes)) {
    if (type !== PT_NOTE) continue
    for (const note of elfNotes(bytes.read(at, sane(fileSize, MAX_READ, 'note'))))
      if (note.name === 'GNU' && note.type === NT_GNU_BUILD_ID) return note.content.toString('hex')
  }
  return undefined
}

function headerOf(bytes: Bytes): Buffer {
  const header = bytes.size < HEADER ? Buffer.alloc(0) : bytes.read(0, HEADER)
  if (!isElf(header) || header[4] !== 2 || header[5] !== 1)
    throw new FormatError('it is not a 64-bit little-endian ELF file')
  return header
}

function entries(
  bytes: Bytes,
  {
    table,
    entry,
    count,
  }: { readonly table: number; readonly entry: number; readonly count: number },
): Buffer[] {
  const all = bytes.read(table, sane(count * entry, MAX_READ, 'table of headers'))
  return Array.from({ length: count }, (_, index) =>
    all.subarray(index * entry, (index + 1) * entry),
  )
}

function placeIn(entry: Buffer, offset: number, what: string): number {
  return sane(entry.readBigUInt64LE(offset), Number.MAX_SAFE_INTEGER, what)
}

function textAt(names: Buffer, at: number): string {
  const some = names.subarray(at, at + MAX_NAME)
  const end = some.indexOf(0)
  return some.toString('latin1', 0, end < 0 ? some.length : end)
}
