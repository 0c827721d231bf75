import { randomBytes } from 'node:crypto'
import { lstatSync, renameSync, rmSync, statSync, type Stats } from 'node:fs'
import { rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

import { InfraError, messageOf, systemProblem } from '../base/index.ts'
import { makeDirectories } from './directories.ts'

/** Writes a file so that nobody ever sees half of it, and nobody but its owner unless the mode says so. What is no file and lies in its place is set aside. Throws InfraError. */
export async function writeAtomically(
  path: string,
  data: string | Uint8Array,
  mode = 0o600,
): Promise<void> {
  const temporary = `${path}.${randomBytes(4).toString('hex')}.tmp`
  try {
    makeRoomFor(path)
    await writeFile(temporary, data, { mode, flag: 'wx' })
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw new InfraError(
      'WRITE',
      `cannot write ${path}: ${systemProblem(error) ?? messageOf(error)}`,
      {
        cause: error,
      },
    )
  }
}

/** As writeAtomically, for what can be found out again: a cache that cannot be written is none. */
export async function cacheFile(path: string, data: string | Uint8Array): Promise<void> {
  await writeAtomically(path, data).catch(() => undefined)
}

/** Gives what is damaged another name, beside its place: `….damaged`. Returns that. */
export function setAside(path: string): string {
  const aside = `${path}.damaged`
  rmSync(aside, { recursive: true, force: true })
  renameSync(path, aside)
  return aside
}

/** Sets aside what is no file, where a file is to be, and makes the directory for it: what lay in its place is set aside as well. */
export function makeRoomFor(path: string): void {
  const dir = dirname(path)
  // A user may keep a part of the cache elsewhere, behind a link.
  if (!isThere(dir, 'directory')) makeDirectories(dir, 0o700)
  isThere(path, 'file')
}

/** Whether something of a kind is there; what is of another, or a link that leads nowhere, is set aside. */
function isThere(path: string, kind: 'file' | 'directory'): boolean {
  if (!lstatSync(path, { throwIfNoEntry: false })) return false
  const found = statOf(path)
  if (kind === 'file' ? found?.isFile() : found?.isDirectory()) return true
  setAside(path)
  return false
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path)
  } catch {
    // A link to nothing, or to itself.
    return undefined
  }
}
