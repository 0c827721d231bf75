import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { realpath } from 'node:fs/promises'
import { join } from 'node:path'

import { isNoRoom, newId } from '../../base/index.ts'
import { processIdentity } from '../../host/index.ts'
import type { Paths } from '../session/paths.ts'
import { leftoversDir, removeNamed, type Leftover } from './leftovers.ts'

export type TemporaryPaths = Pick<Paths, 'cache' | 'state'>

/** Room for what is made beside its place and then moved into it. Disposing of it takes away what was not moved. */
export interface Temporary extends AsyncDisposable {
  /** With what all begins that is made there; nothing else in the directory does. */
  readonly name: string
  /** What is called so there. */
  path(ending: string): string
}

/**
 * A name in a directory, written down before anything is called so: what a killed klab has left of it, the next one takes away (removeLeftovers). Throws
 * what realpath throws.
 */
export async function temporaryIn(paths: TemporaryPaths, directory: string): Promise<Temporary> {
  const real = await realpath(directory)
  const name = `${PREFIX}${newId(16)}`
  const entry = writeDown(paths, { directory: real, name })
  return {
    name,
    path: (ending) => join(real, `${name}${ending}`),
    [Symbol.asyncDispose]: async () => {
      const isGone = await removeNamed({ directory: real, name }, paths.cache)
      if (isGone) rmSync(entry, { force: true })
    },
  }
}

/** Hidden, so that nobody takes it for what it will be. */
const PREFIX = '.klab-'

function writeDown(paths: TemporaryPaths, where: Pick<Leftover, 'directory' | 'name'>): string {
  const dir = leftoversDir(paths)
  const owner = processIdentity(process.pid)
  const entry = join(dir, `${where.name.slice(PREFIX.length)}.json`)
  const draft = `${entry}.tmp`
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    const since = new Date().toISOString()
    writeFileSync(draft, JSON.stringify({ ...where, since, owner }), { flag: 'wx', mode: 0o600 })
    renameSync(draft, entry)
  } catch (error) {
    rmSync(draft, { force: true })
    // What is made is elsewhere, where there may be room.
    if (!isNoRoom(error)) throw error
  }
  return entry
}
