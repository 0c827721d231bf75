import { statSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'

import { closeLightly, openDatabase, whenUnlocked } from './database.ts'
import { withProblems } from './problem.ts'
import { RunStatements } from './run-statements.ts'
import type { NewRun, StoredReport } from './schema.ts'

/** A run's own process waits no longer than this at a time: its signals wait with it. */
const BUSY_MS = 100

interface OpenDatabase {
  readonly db: DatabaseSync
  readonly statements: RunStatements
  /** Which file it is. */
  readonly inode: string
}

/**
 * Writes the beginnings and ends of runs, straight into SQLite: 1.5 ms for both, opening included. Store is for all else, and
 * what it needs takes 100 ms to load. Its methods throw InfraError.
 */
export class RunWriter implements Disposable {
  readonly path: string
  #open: OpenDatabase | undefined

  constructor(path: string) {
    this.path = path
  }

  /** Tries once. Returns the number of the run among all; undefined for one that is there already. */
  begin(run: NewRun): number | undefined {
    return this.#statements().begin(run)
  }

  /** Begins as soon as the database is not locked any more; this process may end before. */
  async beginLater(run: NewRun): Promise<void> {
    await whenUnlocked(() => this.begin(run), { isIdle: true })
  }

  /** Waits for whoever has locked the database. */
  async end(run: NewRun, reports: readonly StoredReport[]): Promise<void> {
    await whenUnlocked(() => this.endNow(run, reports))
  }

  /** Tries once. */
  endNow(run: NewRun, reports: readonly StoredReport[]): void {
    this.#statements().end(run, reports)
  }

  /** Takes back a beginning, as if it had not been. Tries once. */
  takeBack(id: string): void {
    this.#statements().takeBack(id)
  }

  [Symbol.dispose](): void {
    if (this.#open) closeLightly(this.#open.db, this.path)
    this.#open = undefined
  }

  /** A VM may live for weeks, and its user may start a new database meanwhile. */
  #statements(): RunStatements {
    if (this.#open && inodeOf(this.path) !== this.#open.inode) this[Symbol.dispose]()
    if (!this.#open) {
      const db = openDatabase(this.path, BUSY_MS)
      const statements = new RunStatements(db, this.path)
      this.#open = { db, statements, inode: inodeOf(this.path) }
    }
    return this.#open.statements
  }
}

let writer: RunWriter | undefined

/** The one writer of this process: thousands of runs share what is prepared. It is closed when the process ends. */
export function runWriter(path: string): RunWriter {
  if (!writer) process.once('exit', () => writer?.[Symbol.dispose]())
  if (writer?.path !== path) {
    writer?.[Symbol.dispose]()
    writer = new RunWriter(path)
  }
  return writer
}

function inodeOf(path: string): string {
  return withProblems(path, () => {
    const found = statSync(path, { throwIfNoEntry: false })
    return `${found?.dev}:${found?.ino}`
  })
}
