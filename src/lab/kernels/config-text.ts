import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'

import { messageOf, UsageError } from '../../base/index.ts'

/** The largest configurations have 300 KiB. */
const MAX_BYTES = 16 * 1024 * 1024

/** The text of a file with kernel options, packed by gzip (as /proc/config.gz) or not. Throws UsageError; `asked` is how the user named it. */
export function configText(path: string, asked: string): string {
  let bytes: Buffer
  try {
    bytes = readBounded(path)
  } catch (error) {
    throw new UsageError(`${asked}: ${reasonOf(error, path)}`, { cause: error })
  }
  if (bytes.length < 2 || bytes.readUInt16BE(0) !== 0x1f8b) return bytes.toString('utf8')
  try {
    return gunzipSync(bytes, { maxOutputLength: MAX_BYTES }).toString('utf8')
  } catch (error) {
    throw new UsageError(`${asked}: ${path} cannot be unpacked (${messageOf(error)})`, {
      cause: error,
    })
  }
}

function readBounded(path: string): Buffer {
  // Opening a pipe would wait for whoever writes to it.
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const info = fstatSync(file)
    if (!info.isFile()) throw new Error(`${path} is no file`)
    if (info.size > MAX_BYTES)
      throw new Error(`${path} has ${info.size} bytes: that is no configuration`)
    return readFileSync(file)
  } finally {
    closeSync(file)
  }
}

function reasonOf(error: unknown, path: string): string {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOENT' ? `there is no such file ${path}` : messageOf(error)
}
