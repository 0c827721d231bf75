import { closeSync, constants, fstatSync, openSync, readSync, statSync, type Stats } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'

import { formatBytes, FormatError, messageOf } from '../base/index.ts'

/**
 * The one door through which files come in that the user names, or that somebody else may have put where klab looks. None of them is believed to be a
 * regular file or to have an end: a pipe would be waited for, a device read for ever. All that goes wrong is a FormatError, whose message goes on from
 * the file's name: `it is a pipe`.
 */

/** Opening a pipe waits for whoever writes to it, and a terminal must not become ours. */
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY
/** What is read at once from a file that does not say how much it has. */
const PIECE = 64 * 1024
/** A descriptor that our parent has opened for us: `klab crash parse <(ssh host dmesg)`. */
const HANDED = /^\/(?:dev|proc\/self)\/(?:fd\/\d+|stdin)$/

/** The content of a file of at most so many bytes, whatever it says of its size (/proc says 0). Throws FormatError. */
export function readOutside(path: string, limitBytes: number): Buffer {
  const file = openOutside(path)
  try {
    return contentOf(file, limitBytes)
  } catch (error) {
    throw refused(error)
  } finally {
    closeSync(file)
  }
}

/** As readOutside, for what people write. */
export function textOutside(path: string, limitBytes: number): string {
  return readOutside(path, limitBytes).toString('utf8')
}

/** A descriptor of a regular file. Throws FormatError. */
export function openOutside(path: string): number {
  try {
    // Looking comes first: opening alone starts a watchdog and rewinds a tape.
    checkKind(statSync(path))
    const file = openSync(path, FLAGS)
    try {
      checkKind(fstatSync(file))
      return file
    } catch (error) {
      closeSync(file)
      throw error
    }
  } catch (error) {
    throw refused(error)
  }
}

/** A file to be read as a stream: a regular one, or a pipe that our parent has opened for us. Throws FormatError. */
export async function streamOutside(path: string): Promise<FileHandle> {
  try {
    const info = statSync(path)
    const isHanded = info.isFIFO() && HANDED.test(path)
    if (!isHanded) checkKind(info)
    const file = await open(path, isHanded ? 'r' : FLAGS)
    const isSame = isHanded || (await file.stat()).isFile()
    if (isSame) return file
    await file.close()
    throw new FormatError('it was replaced while it was opened')
  } catch (error) {
    throw refused(error)
  }
}

/** The rest of a file that is open, of at most so many bytes. Throws FormatError. */
export function contentOf(file: number, limit: number): Buffer {
  const { size } = fstatSync(file)
  if (size > limit) throw tooMuch(limit)
  const pieces: Buffer[] = []
  let bytes = 0
  for (;;) {
    const piece = Buffer.allocUnsafe(Math.max(PIECE, Math.min(size - bytes, limit) + 1))
    const read = readSync(file, piece, 0, piece.length, null)
    if (read === 0) break
    pieces.push(piece.subarray(0, read))
    if ((bytes += read) > limit) throw tooMuch(limit)
  }
  return pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces)
}

function tooMuch(limit: number): FormatError {
  return new FormatError(`it has more than ${formatBytes(limit)}, the most that is read of one`)
}

function checkKind(info: Stats): void {
  if (!info.isFile()) throw new FormatError(`it is ${kindOf(info)}, and no regular file`)
}

function kindOf(info: Stats): string {
  if (info.isDirectory()) return 'a directory'
  if (info.isFIFO()) return 'a pipe'
  return info.isSocket() ? 'a socket' : 'a device'
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'you may not read it',
  ELOOP: 'it is a link that leads to itself',
  // Some files of /proc and /sys are pipes in disguise.
  EAGAIN: 'it says nothing now, and nobody knows when it will',
}

function refused(error: unknown): FormatError {
  if (error instanceof FormatError) return error
  const { code = '' } = error as NodeJS.ErrnoException
  return new FormatError(REASONS[code] ?? messageOf(error), { cause: error })
}
