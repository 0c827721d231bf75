import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'

import { cutOff, FormatError, type Bytes } from '../base/index.ts'

/** Opens a file for as long as its bytes are used. Throws FormatError for what is no file, and what node throws for one that cannot be opened. */
export function withFileBytes<T>(path: string, use: (bytes: Bytes) => T): T {
  // Opening a pipe would wait for whoever writes to it.
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    return use(fileBytes(file))
  } finally {
    closeSync(file)
  }
}

/** An open file as bytes that can be read anywhere. Throws FormatError for what is no file. */
function fileBytes(file: number): Bytes {
  const stat = fstatSync(file)
  if (!stat.isFile()) throw new FormatError('it is no file')
  const { size } = stat
  return {
    size,
    read(at, length) {
      if (at < 0 || length < 0 || at + length > size) throw cutOff(size, at)
      const content = Buffer.allocUnsafe(length)
      for (let done = 0; done < length;) {
        const bytes = readSync(file, content, done, length - done, at + done)
        if (bytes === 0) throw new FormatError('it became shorter while it was read')
        done += bytes
      }
      return content
    },
  }
}
