import { closeSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip, createZstdDecompress } from 'node:zlib'

import { formatBytes, FormatError, InfraError, messageOf } from '../../base/index.ts'
import { LogReader, type FoundReport } from '../../crash/index.ts'

/** What is read from a file at once. */
const CHUNK = 64 * 1024
/**
 * What is looked at at once. Whatever is kept of a piece, such as a line, keeps all of it: small ones are forgotten
 * before the collector takes them for lasting.
 */
const PIECE = 16 * 1024

/** A few packed bytes may become as many as they like; of a log of so much two minutes are read. */
const MAX_BYTES = 64 * 1024 ** 3

/** Compressed files by their first bytes, and what reads them. */
const PACKED: readonly { readonly magic: readonly number[]; readonly by: string }[] = [
  { magic: [0x1f, 0x8b], by: 'gzip' },
  { magic: [0x28, 0xb5, 0x2f, 0xfd], by: 'zstd' },
  { magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a], by: 'xz' },
  { magic: [0x42, 0x5a, 0x68], by: 'bzip2' },
  { magic: [0x04, 0x22, 0x4d, 0x18], by: 'lz4' },
]

/** Encrypted, or something else that is no log and has no line that could be one. */
const FOREIGN: readonly (readonly [string, string])[] = [
  ['\x7fELF', 'an ELF file (a dump of memory? klab dmesg reads its log)'],
  ['KDUMP   ', 'a dump of memory (klab dmesg reads its log)'],
  ['-----BEGIN PGP', 'encrypted with PGP'],
  ['\x85', 'encrypted with PGP, or no text'],
  ['PK\x03\x04', 'a zip archive; unpack it first'],
]

/**
 * The reports of a log, as they end: a file, compressed or not, or a stream. Constant memory, linear time. `onBytes` hears how much was read. Throws InfraError
 * when it cannot be read.
 */
export async function* parseLog(
  source: string | Readable,
  { onBytes = () => undefined }: { onBytes?: (bytes: number) => void } = {},
): AsyncGenerator<FoundReport> {
  const found: FoundReport[] = []
  let isLog = false
  const reader = new LogReader((report) => {
    isLog = true
    found.push(report)
  })
  let bytes = 0
  for await (const chunk of readLog(source)) {
    isLog ||= isText(chunk)
    reader.push(chunk)
    yield* found.splice(0)
    onBytes((bytes += chunk.length))
  }
  reader.end()
  yield* found
  // Noise on a serial line is no reason to refuse a log, but what is noise alone is none.
  if (!isLog && bytes > 0)
    throw new InfraError(
      'LOG',
      `${nameOf(source)} is no log: it is not text; is it encrypted, or packed in a way that klab does not know?`,
    )
}

/** Whether at least two in three bytes are what people read. */
function isText(chunk: Buffer): boolean {
  let readable = 0
  for (const byte of chunk) if ((byte >= 0x20 && byte < 0x7f) || TYPED.has(byte)) readable++
  return readable * 3 >= chunk.length * 2
}

/** Tab, line ends, escape. */
const TYPED = new Set([0x09, 0x0a, 0x0d, 0x1b])

function nameOf(source: string | Readable): string {
  return typeof source === 'string' ? source : 'the input'
}

/** Reads a log in pieces, each valid until the next. Throws InfraError when it cannot be read. */
export async function* readLog(
  source: string | Readable,
  limitBytes = MAX_BYTES,
): AsyncGenerator<Buffer> {
  const name = nameOf(source)
  try {
    const chunks = typeof source === 'string' ? await contentOf(source) : source
    let bytes = 0
    for await (const chunk of chunks as AsyncIterable<Buffer>) {
      if ((bytes += chunk.length) > limitBytes)
        throw new FormatError(
          `it has more than ${formatBytes(limitBytes)}, the most that is read of one`,
        )
      for (let at = 0; at < chunk.length; at += PIECE) yield chunk.subarray(at, at + PIECE)
    }
  } catch (error) {
    if (error instanceof InfraError) throw error
    throw new InfraError('LOG', `cannot read the log ${name}: ${messageOf(error)}`)
  }
}

async function contentOf(path: string): Promise<AsyncIterable<Buffer>> {
  // Not for those that read a stream: it costs memory.
  const { openOutside, streamOutside } = await import('../../host/index.ts')
  const file = await streamOutside(path)
  const head = await headOf(file)
  const foreign = FOREIGN.find(([magic]) => head.toString('latin1').startsWith(magic))
  const by = PACKED.find(({ magic }) => magic.every((byte, index) => head[index] === byte))?.by
  if (!foreign && by === undefined && !path.endsWith('.br')) return plain(file)
  if (foreign || by === 'xz' || by === 'bzip2' || by === 'lz4') await file.close()
  if (foreign) throw new InfraError('LOG', `${path} is no log: it is ${foreign[1]}`)
  const packed = () => file.createReadStream({ highWaterMark: 256 * 1024, start: 0 })
  switch (by) {
    case undefined:
      return piped(packed(), createBrotliDecompress())
    case 'gzip':
      return piped(packed(), createGunzip())
    case 'zstd':
      return piped(packed(), createZstdDecompress())
    default:
      return unpacked(by, openOutside(path))
  }
}

/** Always the same buffer: gigabytes of new ones would pile up before they are collected. */
async function* plain(file: FileHandle): AsyncGenerator<Buffer> {
  await using _file = file
  const buffer = Buffer.allocUnsafe(CHUNK)
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, CHUNK)
    if (bytesRead === 0) return
    yield buffer.subarray(0, bytesRead)
  }
}

/** Who packs may make an unpacker take any amount of memory. */
const LIMITS: Readonly<Record<string, readonly string[]>> = { xz: ['--memlimit-decompress=256MiB'] }

/** By a program of its own, which reads an open file. Throws an error with its words. */
async function* unpacked(program: string, file: number): AsyncGenerator<Buffer> {
  // Most logs are not packed, and child processes cost memory.
  const { describeExit, start } = await import('../../host/index.ts')
  await using child = start(program, ['-dc', ...(LIMITS[program] ?? [])], {
    stdio: [file, 'pipe', 'pipe'],
    limitMs: Number.POSITIVE_INFINITY,
  })
  closeSync(file)
  for await (const chunk of child.stdout ?? []) yield chunk as Buffer
  const exit = await child.exited
  if (exit.kind === 'exited' && exit.code === 0) return
  const said = child.stderrTail().trim().split('\n').at(-1) ?? ''
  throw new Error(`${program} cannot unpack it: ${said === '' ? describeExit(exit) : said}`)
}

/** pipe() does not pass errors on. */
function piped(from: Readable, to: NodeJS.ReadWriteStream & Readable): Readable {
  from.on('error', (error) => to.destroy(error))
  to.on('close', () => from.destroy())
  return from.pipe(to)
}

/** The first bytes; of a pipe none, because they cannot be read again. */
async function headOf(file: FileHandle): Promise<Buffer> {
  if (!(await file.stat()).isFile()) return Buffer.alloc(0)
  const { buffer, bytesRead } = await file.read(Buffer.alloc(16), 0, 16, 0)
  return buffer.subarray(0, bytesRead)
}
