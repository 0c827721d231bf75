import { gunzipSync } from 'node:zlib'

import { messageOf, UsageError } from '../../base/index.ts'
import { readOutside } from '../../host/index.ts'

/** The largest configurations have 300 KiB. */
const MAX_BYTES = 16 * 1024 * 1024

/** The text of a file with kernel options, packed by gzip (as /proc/config.gz) or not. Throws UsageError; `asked` is how the user named it. */
export function configText(path: string, asked: string): string {
  let bytes: Buffer
  try {
    bytes = readOutside(path, MAX_BYTES)
  } catch (error) {
    throw new UsageError(`${asked}: ${path}: ${messageOf(error)}`, { cause: error })
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
