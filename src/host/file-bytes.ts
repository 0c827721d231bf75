import { closeSync, fstatSync, readSync } from 'node:fs'

import { cutOff, FormatError, type Bytes } from '../base/index.ts'
import { openOutside } from './outside-file.ts'

/** Opens a file for as long as its bytes are used. Throws FormatError for one that cannot be opened, and for what is no file. */
export function withFileBytes<T>(path: string, use: (bytes: Bytes) => T): T {
  using file = openFileBytes(path)
  return use(file)
}

/** The bytes of a file, until disposed of. Throws as withFileBytes does. */
export function openFileBytes(path: string): Bytes & Disposable {
  const file = openOutside(path)
  return { ...fileBytes(file), [Symbol.dispose]: () => closeSync(file) }
}
function fileBytes(file: number): Bytes {
  const { size } = fstatSync(file)
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
