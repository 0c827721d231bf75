import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'

import { InfraError, messageOf } from '../base/index.ts'

/** How long a database that others keep locked is waited for. */
export const PATIENCE_MS = 10_000

/** What became of a database, in a word: callers act on `LOCKED`, `FULL` and `NEWER`. */
type Problem = 'LOCKED' | 'FULL' | 'NEWER' | 'READ_ONLY' | 'DAMAGED' | 'DISK'

/** What SQLite's primary result codes mean to a user (https://www.sqlite.org/rescode.html). */
const MEANINGS: Readonly<Record<number, Problem>> = {
  3: 'READ_ONLY',
  5: 'LOCKED',
  6: 'LOCKED',
  8: 'READ_ONLY',
  10: 'DISK',
  11: 'DAMAGED',
  13: 'FULL',
  14: 'READ_ONLY',
  26: 'DAMAGED',
}

/** And the errors of files, where the database is made. */
const FILE_MEANINGS: Readonly<Record<string, Problem>> = {
  EACCES: 'READ_ONLY',
  EDQUOT: 'FULL',
  EFBIG: 'FULL',
  EISDIR: 'DAMAGED',
  ENOENT: 'READ_ONLY',
  ENOSPC: 'FULL',
  EPERM: 'READ_ONLY',
  EROFS: 'READ_ONLY',
}

const SENTENCES: Readonly<Record<Problem, (path: string, seen: string) => string>> = {
  LOCKED: (path) =>
    `the database ${path} is locked by another program, which fuser ${path} names; end that and try again`,
  FULL: (path) => `there is no space left for the database ${path}; make room on its file system`,
  NEWER: (path, seen) =>
    `the database ${path} is of a newer klab (${seen}); use that klab, or move the database away to start a new one`,
  READ_ONLY: (path, seen) =>
    `cannot write the database ${path} (${seen}); see whom the file and its directory belong to, or set KLAB_HOME to a directory of your own`,
  DAMAGED: (path, seen) =>
    `the database ${path} is damaged (${seen}); start a new one with: mv ${path} ${path}.damaged`,
  DISK: (path, seen) =>
    `cannot read or write the database ${path} (${seen}); see that its disk has room and is sound`,
}

/** What is wrong with a database, in one sentence. */
export function storeProblem(problem: Problem, path: string, cause: unknown): InfraError {
  return new InfraError(`STORE_${problem}`, SENTENCES[problem](path, messageOf(cause)), { cause })
}

/** Does what asks SQLite or the file system for a database, and throws InfraError for what they refuse. */
export function withProblems<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw asProblem(path, error)
  }
}

/** Whether an error says that a database is in this state. */
export function isProblem(error: unknown, problem: Problem): boolean {
  return error instanceof InfraError && error.code === `STORE_${problem}`
}

function asProblem(path: string, error: unknown): unknown {
  if (error instanceof InfraError || !(error instanceof Error)) return error
  const { code, errcode } = error as { code?: unknown; errcode?: unknown }
  // The lower byte is the primary code.
  const meaning =
    typeof errcode === 'number' ? MEANINGS[errcode & 0xff] : FILE_MEANINGS[String(code)]
  if (meaning === 'DISK' && isFull(path)) return storeProblem('FULL', path, error)
  if (meaning) return storeProblem(meaning, path, error)
  return code === undefined
    ? error
    : new InfraError('STORE', `cannot use the database ${path}: ${messageOf(error)}`, {
        cause: error,
      })
}

/** SQLite makes its index in memory anew each time (32 KiB), and calls it an I/O error that there is no room for that. */
const LEAST_ROOM = 64 * 1024

function isFull(path: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(dirname(path))
    return bavail * bsize < LEAST_ROOM
  } catch {
    return false
  }
}
