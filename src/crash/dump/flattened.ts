import type { Write } from './elf-writer.ts'
import { readKdump } from './kdump.ts'
import { DumpError, sane, type Source } from './source.ts'
import { Vmcoreinfo } from './vmcoreinfo.ts'

/** How a flattened dump begins (makedumpfile -F, and QEMU, which cannot seek in what it writes to). */
export const FLATTENED = 'makedumpfile'
const HEADER = 4096
const MAX_PIECES = 1 << 24

interface Piece {
  readonly from: number
  readonly at: number
  readonly size: number
}

/** Of struct disk_dump_header: the kernel's utsname, 65 bytes each. */
const UTSNAME = { sysname: 12, nodename: 77, release: 142, version: 207 } as const
const UTSNAME_SIZE = 65

/**
 * What has to be written where, so that a flattened dump of QEMU's becomes a plain one: with the names of the kernel, which QEMU leaves out and libkdumpfile
 * wants. Throws DumpError for what is no flattened dump.
 */
export function* writesOfFlattened(source: Source): Generator<Write> {
  if (source.read(0, FLATTENED.length).toString('latin1') !== FLATTENED)
    throw new DumpError('it is not a flattened dump')
  for (const { from, at, size } of readPieces(source))
    yield { at: from, bytes: source.read(at, size) }
  const { vmcoreinfo } = readKdump(unflattened(source))
  const release =
    vmcoreinfo === undefined ? undefined : new Vmcoreinfo(vmcoreinfo).text('OSRELEASE')
  if (release === undefined) return
  const names = { sysname: 'Linux', nodename: 'klab', release, version: '#1' }
  for (const [name, text] of Object.entries(names)) {
    const bytes = Buffer.alloc(UTSNAME_SIZE)
    bytes.write(text.slice(0, UTSNAME_SIZE - 1), 'latin1')
    yield { at: UTSNAME[name as keyof typeof UTSNAME], bytes }
  }
}

/** The file that a flattened dump is a recording of: a list of writes, each with its place and size, big-endian. */
export function unflattened(source: Source): Source {
  const pieces = readPieces(source).toSorted((a, b) => a.from - b.from)
  const size = Math.max(0, ...pieces.slice(-1).map(({ from, size: bytes }) => from + bytes))
  return {
    size,
    read(at, length) {
      const content = Buffer.alloc(length)
      let filled = at
      for (let index = firstAt(pieces, at); filled < at + length; index++) {
        const piece = pieces[index]
        if (!piece || piece.from > filled)
          throw new DumpError(`it is cut off: nothing is at ${filled}`)
        const inside = filled - piece.from
        const part = Math.min(piece.size - inside, at + length - filled)
        if (part > 0) source.read(piece.at + inside, part).copy(content, filled - at)
        filled += Math.max(0, part)
      }
      return content
    },
  }
}

function readPieces(source: Source): Piece[] {
  const pieces: Piece[] = []
  for (let at = HEADER; ;) {
    const head = source.read(at, 16)
    const from = head.readBigInt64BE(0)
    // A place of -1 is the end.
    if (from === -1n) return pieces
    const size = sane(head.readBigInt64BE(8), source.size, 'piece')
    pieces.push({ from: sane(from, Number.MAX_SAFE_INTEGER, 'piece'), at: at + 16, size })
    if (pieces.length > MAX_PIECES) throw new DumpError('it has more pieces than can be')
    at += 16 + size
  }
}

/** The last piece that begins at or before a place. */
function firstAt(pieces: readonly Piece[], at: number): number {
  let low = 0
  let high = pieces.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((pieces[middle]?.from ?? 0) <= at) low = middle + 1
    else high = middle
  }
  return Math.max(0, low - 1)
}
