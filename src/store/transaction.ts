import type { DatabaseSync } from 'node:sqlite'

/**
 * Does the work wholly or not at all. It has the right to write from its beginning: a transaction that asks for it later
 * is refused at once when another has written meanwhile, however long it would have waited.
 */
export function inTransaction(db: DatabaseSync, work: () => void): void {
  db.exec('BEGIN IMMEDIATE')
  try {
    work()
    db.exec('COMMIT')
  } catch (error) {
    // A full disk ends it by itself.
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}
