import { statSync } from 'node:fs'
import { join } from 'node:path'

import { isListOf, tryDecodeJson } from '../../base/index.ts'
import { cacheFile, noteIn } from '../../host/index.ts'

/** Something that took long to find out about a file, kept as long as that file does not change. */
export class FileCache<T> {
  readonly #path: string
  readonly #check: (value: unknown) => value is T

  constructor(
    cacheDir: string,
    { what, file, check }: { what: string; file: string; check: (value: unknown) => value is T },
  ) {
    this.#check = check
    const { size, mtimeMs, ino } = statSync(file)
    this.#path = join(cacheDir, what, `${ino}-${size}-${Math.round(mtimeMs)}.json`)
  }

  async read(): Promise<ReadonlyMap<string, T>> {
    try {
      const isEntry = (value: unknown): value is [string, T] =>
        Array.isArray(value) && typeof value[0] === 'string' && this.#check(value[1])
      const isAll = (value: unknown): value is readonly [string, T][] => isListOf(value, isEntry)
      return new Map(tryDecodeJson(noteIn(this.#path), isAll))
    } catch {
      return new Map()
    }
  }

  async write(entries: ReadonlyMap<string, T>): Promise<void> {
    await cacheFile(this.#path, JSON.stringify([...entries]))
  }
}
