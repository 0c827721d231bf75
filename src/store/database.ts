import { chmodSync, closeSync, openSync, statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'

import { migrate, SCHEMA_VERSION, schemaVersion } from './migrations.ts'
import { isProblem, PATIENCE_MS, storeProblem, withProblems } from './problem.ts'

/**
 * Opens a database, made if there is none, with the newest schema. `busyMs`: how long each statement waits for others, and
 * this process with it. Throws InfraError.
 */
export function openDatabase(path: string, busyMs: number): DatabaseSync {
  return withProblems(path, () => {
    makePrivate(path)
    const db = new DatabaseSync(path, { timeout: busyMs })
    try {
      // In WAL: a power cut may take the last runs, and damages nothing.
      db.exec('PRAGMA synchronous = NORMAL')
      if (schemaVersion(db) < SCHEMA_VERSION) migrate(db)
      const version = schemaVersion(db)
      if (version > SCHEMA_VERSION)
        throw storeProblem('NEWER', path, `schema ${version}; this klab knows ${SCHEMA_VERSION}`)
      return db
    } catch (error) {
      db.close()
      throw error
    }
  })
}

/**
 * Closes a database without taking its log into it: whoever closes it last would, and sync three times, which is 6 ms at
 * the end of every run. One that only reads leaves the log alone, so one is there until after. SQLite takes the log in when
 * it has 1,000 pages, and the next Store that is closed does.
 */
export function closeLightly(db: DatabaseSync, path: string): void {
  try {
    using reader = new DatabaseSync(path, { readOnly: true })
    schemaVersion(reader)
    db.close()
  } catch {
    // Moved away, or damaged: nothing depends on how it is closed.
    if (db.isOpen) db.close()
  }
}

/** Somebody waits. */
const PAUSE_MS = 20

/** Nobody does, and this process has a VM to look after, which each try may hold up. */
const IDLE_PAUSE_MS = 500

/**
 * Tries until the database is not locked any more, for so long as a user may be let wait. Throws InfraError. The first try is
 * made at once; `isIdle`: nobody waits, and this process may end meanwhile.
 */
export async function whenUnlocked<T>(work: () => T, { isIdle = false } = {}): Promise<T> {
  const until = performance.now() + PATIENCE_MS
  for (;;) {
    try {
      return work()
    } catch (error) {
      if (!isProblem(error, 'LOCKED') || performance.now() > until) throw error
    }
    await sleep(isIdle ? IDLE_PAUSE_MS : PAUSE_MS, undefined, { ref: !isIdle })
  }
}

/** A run may have passwords in its environment. SQLite gives the log the mode of the database. */
function makePrivate(path: string): void {
  // Never opened where it is there: closing any descriptor of a file drops all locks that this process has on it.
  const mode = statSync(path, { throwIfNoEntry: false })?.mode
  if (mode === undefined) create(path)
  else if (mode & 0o077) for (const file of [path, `${path}-wal`, `${path}-shm`]) restrict(file)
}

function create(path: string): void {
  try {
    closeSync(openSync(path, 'ax', 0o600))
  } catch (error) {
    // Another klab was faster.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

function restrict(file: string): void {
  try {
    chmodSync(file, 0o600)
  } catch {
    // Not there, or another's, who decides.
  }
}
