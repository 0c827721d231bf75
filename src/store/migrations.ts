import type { DatabaseSync } from 'node:sqlite'

import { withoutValues } from './kept-request.ts'
import { inTransaction } from './transaction.ts'

/** A statement, or what takes more than one. */
type Change = string | ((db: DatabaseSync) => void)

/**
 * What leads from each version of the schema to the next; `PRAGMA user_version` tells how many of them a database has
 * behind it. Only ever appended to. Statements that make something say IF NOT EXISTS, for databases of klabs that used
 * Kysely's Migrator: they have no version, and a kill left them anywhere between two. Its own two tables stay there: such a
 * klab can go on beside this one, for it does not mind the columns of the fifth step.
 */
const STEPS: readonly (readonly Change[])[] = [
  [
    `CREATE TABLE IF NOT EXISTS "runs" (
      "id" TEXT PRIMARY KEY,
      "startedAt" TEXT NOT NULL,
      "endedAt" TEXT,
      "argv" TEXT NOT NULL,
      "cwd" TEXT NOT NULL,
      "kernel" TEXT NOT NULL,
      "kernelId" TEXT,
      "release" TEXT,
      "machine" TEXT NOT NULL,
      "outcome" TEXT,
      "exitCode" INTEGER,
      "detail" TEXT,
      "phases" TEXT,
      "durationMs" INTEGER,
      "peakMemoryKiB" INTEGER,
      "consolePath" TEXT NOT NULL,
      "pid" INTEGER NOT NULL
    )`,
    `CREATE INDEX IF NOT EXISTS "runsByStart" ON "runs" ("startedAt")`,
    `CREATE TABLE IF NOT EXISTS "reports" (
      "id" INTEGER PRIMARY KEY AUTOINCREMENT,
      "runId" TEXT NOT NULL REFERENCES "runs" ("id") ON DELETE CASCADE,
      "kind" TEXT NOT NULL,
      "title" TEXT NOT NULL,
      "text" TEXT NOT NULL
    )`,
    `CREATE INDEX IF NOT EXISTS "reportsByRun" ON "reports" ("runId")`,
  ],
  [
    `ALTER TABLE "reports" ADD COLUMN "fingerprint" TEXT NOT NULL DEFAULT ''`,
    `ALTER TABLE "reports" ADD COLUMN "function" TEXT`,
    `CREATE INDEX IF NOT EXISTS "reportsByFingerprint" ON "reports" ("fingerprint")`,
  ],
  [`ALTER TABLE "runs" ADD COLUMN "request" TEXT`],
  [`ALTER TABLE "reports" ADD COLUMN "cause" TEXT`],
  [`ALTER TABLE "runs" ADD COLUMN "qemu" TEXT`, `ALTER TABLE "runs" ADD COLUMN "owner" TEXT`],
  [forgetValues],
]

/** Values of variables are where tokens are; klabs before 0.2 kept them. */
function forgetValues(db: DatabaseSync): void {
  const change = db.prepare('UPDATE "runs" SET "request" = ? WHERE "id" = ?')
  const all = db.prepare(`SELECT "id", "request" FROM "runs" WHERE "request" LIKE '%=%'`).all()
  for (const { id, request } of all)
    if (typeof id === 'string') change.run(withoutValues(String(request)), id)
}

/** The version of the schema that this klab reads and writes. */
export const SCHEMA_VERSION = STEPS.length

/** Which version of the schema a database has; 0 for an empty one, and for one of Kysely's Migrator. */
export function schemaVersion(db: DatabaseSync): number {
  return Number(db.prepare('PRAGMA user_version').get()?.['user_version'])
}

/**
 * Brings a database to the newest schema, in one transaction: a kill leaves it as it was, and of several klabs at once
 * one does it.
 */
export function migrate(db: DatabaseSync): void {
  // Not possible in a transaction, and harmless if nothing follows.
  db.exec('PRAGMA journal_mode = WAL')
  const isOld = holdsRuns(db)
  inTransaction(db, () => {
    // Read again, now that nobody else can change it.
    const version = schemaVersion(db)
    if (version >= SCHEMA_VERSION) return
    for (const change of STEPS.slice(version).flat()) make(db, change, version)
    db.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`)
  })
  if (isOld) rewrite(db)
}

function holdsRuns(db: DatabaseSync): boolean {
  const table = `SELECT 1 FROM sqlite_master WHERE name = 'runs'`
  return (
    db.prepare(table).get() !== undefined && db.prepare('SELECT 1 FROM "runs"').get() !== undefined
  )
}

/** What a step has dropped lies in the gaps of pages, and in the log, until they are written again. */
function rewrite(db: DatabaseSync): void {
  try {
    db.exec('VACUUM')
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  } catch {
    // Others read or write now, or there is no room: it is used up in time.
  }
}

function make(db: DatabaseSync, change: Change, version: number): void {
  try {
    if (typeof change === 'string') db.exec(change)
    else change(db)
  } catch (error) {
    // There is no ADD COLUMN IF NOT EXISTS, and the transaction goes on after this error.
    const isThere = error instanceof Error && error.message.startsWith('duplicate column name')
    if (!isThere || version > 0) throw error
  }
}
