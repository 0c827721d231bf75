import { DatabaseSync, type SQLInputValue } from 'node:sqlite'

import type { SqliteDatabase } from 'kysely'

/** Kysely's SqliteDialect wants better-sqlite3's shape; node:sqlite differs in small ways. */
export function openSqlite(path: string): SqliteDatabase {
  const db = new DatabaseSync(path)
  // Several klab processes share the file: wait for each other rather than fail.
  db.exec(
    'PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON',
  )
  return {
    close: () => db.close(),
    prepare(sql) {
      const statement = db.prepare(sql)
      return {
        // True for SELECT and for INSERT … RETURNING: both have result columns.
        reader: statement.columns().length > 0,
        all: (parameters) => statement.all(...(parameters as SQLInputValue[])),
        run: (parameters) => statement.run(...(parameters as SQLInputValue[])),
        iterate: (parameters) => statement.iterate(...(parameters as SQLInputValue[])),
      }
    },
  }
}
