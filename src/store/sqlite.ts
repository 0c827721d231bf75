import type { DatabaseSync, SQLInputValue } from 'node:sqlite'

import type { SqliteDatabase } from 'kysely'

import { withProblems } from './problem.ts'

/** Kysely's SqliteDialect wants better-sqlite3's shape; node:sqlite differs in small ways, and what it throws is put into a sentence. */
export function kyselyDatabase(db: DatabaseSync, path: string): SqliteDatabase {
  return {
    // Its owner closes it: Kysely closes nothing that it has not used.
    close: () => undefined,
    prepare(sql) {
      const statement = withProblems(path, () => db.prepare(sql))
      const values = (parameters: readonly unknown[]) => parameters as SQLInputValue[]
      return {
        // True for SELECT and for INSERT … RETURNING: both have result columns.
        reader: statement.columns().length > 0,
        all: (parameters) => withProblems(path, () => statement.all(...values(parameters))),
        run: (parameters) => withProblems(path, () => statement.run(...values(parameters))),
        iterate: (parameters) => statement.iterate(...values(parameters)),
      }
    },
  }
}
