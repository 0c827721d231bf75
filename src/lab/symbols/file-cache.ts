import { statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

import { writeAtomically } from '../../host/index.ts'

/** Something that took long to find out about a file, kept as long as that file does not change. */
export class FileCache<T> {
  readonly #path: string

  constructor(cacheDir: string, what: string, file: string) {
    const { size, mtimeMs, ino } = statSync(file)
    this.#path = join(cacheDir, what, `${ino}-${size}-${Math.round(mtimeMs)}.json`)
  }

  async read(): Promise<ReadonlyMap<string, T>> {
    try {
      // Written by us below, whole or not at all.
      return new Map(JSON.parse(await readFile(this.#path, 'utf8')) as [string, T][])
    } catch {
      return new Map()
    }
  }

  async write(entries: ReadonlyMap<string, T>): Promise<void> {
    // A cache that cannot be written is none.
    await writeAtomically(this.#path, JSON.stringify([...entries])).catch(() => undefined)
  }
}
