import { closeSync, fstatSync } from 'node:fs'

import { FormatError, InfraError, messageOf } from '../base/index.ts'
import { contentOf, openOutside } from './outside-file.ts'
import { isOurs, ownerName } from './own-path.ts'

/** What klab notes is short; more is not of klab. */
const NOTE_BYTES = 16 * 1024 * 1024
/** The longest that a guest has printed is a console of hours. */
const RECORD_BYTES = 1024 * 1024 * 1024

/**
 * The content of a file that klab has written, in a directory of its own: it may have been put there by a backup, or a slip of the hand, so it is not
 * believed to be a regular file, nor to have an end, nor to be ours. Throws FormatError, whose message goes on from the file's name.
 */
export function readOwn(path: string, limitBytes: number): Buffer {
  const file = openOutside(path)
  try {
    const stat = fstatSync(file)
    if (!isOurs(stat)) throw new FormatError(`it belongs to ${ownerName(stat.uid)}`)
    return contentOf(file, limitBytes)
  } finally {
    closeSync(file)
  }
}

/** As readOwn, for what a user wants to see. Throws InfraError that names the file. */
export function readRecorded(path: string): Buffer {
  try {
    return readOwn(path, RECORD_BYTES)
  } catch (error) {
    throw new InfraError('RECORDED', `cannot read ${path}: ${messageOf(error)}`, { cause: error })
  }
}

/** What klab has noted in a file; empty for one that cannot be read, as for one that is not there. */
export function noteIn(path: string): string {
  try {
    return readOwn(path, NOTE_BYTES).toString('utf8')
  } catch {
    return ''
  }
}
