import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fstatSync,
  mkdirSync,
  openSync,
} from 'node:fs'
import { dirname } from 'node:path'

import { InfraError, messageOf } from '../base/index.ts'
import { ownerName, pathProblem } from './own-path.ts'

/**
 * Makes a directory for its owner alone, or checks the one that is there: that it is ours, that others cannot have put anything into it, nor another in
 * its place, and that it can be written. One that others can read is closed. Throws InfraError.
 */
export function ensurePrivateDirectory(path: string, purpose: string): void {
  try {
    const problem = pathProblem(path)
    if (problem !== undefined) throw notOurs(path, purpose, problem)
    makeDirectories(path, 0o700)
    const directory = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY)
    try {
      makePrivate(directory, path, purpose)
    } finally {
      closeSync(directory)
    }
    accessSync(path, constants.W_OK | constants.X_OK)
  } catch (error) {
    if (error instanceof InfraError) throw error
    throw new InfraError(
      'DIRECTORY',
      `cannot use ${path} (${purpose}): ${messageOf(error)}; set KLAB_HOME to a directory of your own`,
      { cause: error },
    )
  }
}

function makePrivate(directory: number, path: string, purpose: string): void {
  const { uid, gid, mode } = fstatSync(directory)
  if (uid !== process.geteuid?.())
    throw notOurs(
      path,
      purpose,
      `it belongs to ${ownerName(uid)}, and you are uid ${process.geteuid?.()}`,
    )
  // Where everybody has a group of his own, it has his number, and umask lets it write.
  if (mode & (gid === uid ? 0o002 : 0o022)) {
    throw new InfraError(
      'DIRECTORY',
      `${path} (${purpose}) can be written by other users, who may have put something there; look at it, then: chmod 700 ${path}`,
    )
  }
  if (mode & 0o077) fchmodSync(directory, 0o700)
}

function notOurs(path: string, purpose: string, why: string): InfraError {
  return new InfraError(
    'DIRECTORY',
    `${path} (${purpose}) is not used, because it is not yours alone: ${why}; set KLAB_HOME to a directory of your own`,
  )
}

/** Not mkdir's `recursive`: where nothing can be made (/proc) Node's tries for ever. */
export function makeDirectories(path: string, mode: number): void {
  if (existsSync(path)) return
  if (dirname(path) !== path) makeDirectories(dirname(path), mode)
  try {
    mkdirSync(path, { mode })
  } catch (error) {
    // Another klab was faster.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}
