import { randomBytes } from 'node:crypto'
import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs'
import { rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

import { InfraError, messageOf } from '../base/index.ts'

/** Makes the directory for its owner alone, or checks that the one that is there is ours and writable. */
export function ensurePrivateDirectory(path: string, purpose: string): void {
  ensureDirectory(path, purpose, 0o700)
  const { uid, mode } = statSync(path)
  if (uid !== process.getuid?.() && process.getuid?.() !== 0) {
    throw new InfraError('DIRECTORY', `${path} (${purpose}) belongs to another user`)
  }
  if (mode & 0o077) {
    throw new InfraError(
      'DIRECTORY',
      `${path} (${purpose}) is open to other users; run: chmod 700 ${path}`,
    )
  }
}

/** Makes the directory if need be and checks that it can be written. */
export function ensureDirectory(path: string, purpose: string, mode = 0o755): void {
  try {
    makeDirectories(path, mode)
    accessSync(path, constants.W_OK | constants.X_OK)
  } catch (error) {
    throw new InfraError(
      'DIRECTORY',
      `cannot use ${path} (${purpose}): ${messageOf(error)}; set KLAB_HOME to a directory of your own`,
      { cause: error },
    )
  }
}

/** Not mkdir's `recursive`: where nothing can be made (/proc) Node's tries for ever. */
function makeDirectories(path: string, mode: number): void {
  if (existsSync(path)) return
  if (dirname(path) !== path) makeDirectories(dirname(path), 0o755)
  try {
    mkdirSync(path, { mode })
  } catch (error) {
    // Another klab was faster.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

/** Writes a file so that nobody ever sees half of it. */
export async function writeAtomically(path: string, data: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${randomBytes(4).toString('hex')}.tmp`
  try {
    mkdirSync(dirname(path), { recursive: true })
    await writeFile(temporary, data)
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw new InfraError('WRITE', `cannot write ${path}: ${messageOf(error)}`, { cause: error })
  }
}
