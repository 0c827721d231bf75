import { DatabaseSync } from 'node:sqlite'

/** What Kysely's Migrator ran for each version of the schema before klab had migrations of its own. */
const KYSELY_HISTORY: readonly { readonly name: string; readonly sql: readonly string[] }[] = [
  {
    name: '0001-runs',
    sql: [
      `create table "runs" ("id" text primary key, "startedAt" text not null, "endedAt" text, "argv" text not null, "cwd" text not null, "kernel" text not null, "kernelId" text, "release" text, "machine" text not null, "outcome" text, "exitCode" integer, "detail" text, "phases" text, "durationMs" integer, "peakMemoryKiB" integer, "consolePath" text not null, "pid" integer not null)`,
      `create index "runsByStart" on "runs" ("startedAt")`,
      `create table "reports" ("id" integer primary key autoincrement, "runId" text not null references "runs" ("id") on delete cascade, "kind" text not null, "title" text not null, "text" text not null)`,
      `create index "reportsByRun" on "reports" ("runId")`,
    ],
  },
  {
    name: '0002-crashes',
    sql: [
      `alter table "reports" add column "fingerprint" text default '' not null`,
      `alter table "reports" add column "function" text`,
      `create index "reportsByFingerprint" on "reports" ("fingerprint")`,
    ],
  },
  { name: '0003-requests', sql: [`alter table "runs" add column "request" text`] },
  { name: '0004-causes', sql: [`alter table "reports" add column "cause" text`] },
]

const ACCOUNT = [
  `create table if not exists "kysely_migration" ("name" varchar(255) not null primary key, "timestamp" varchar(255) not null)`,
  `create table if not exists "kysely_migration_lock" ("id" varchar(255) not null primary key, "is_locked" integer default 0 not null)`,
  `insert into "kysely_migration_lock" ("id", "is_locked") values ('migration_lock', 0)`,
]

/** All that it ran, in its order: a kill came between any two. */
export function kyselyStatements(): string[] {
  return [
    ...ACCOUNT,
    ...KYSELY_HISTORY.flatMap(({ name, sql }) => [
      ...sql,
      `insert into "kysely_migration" ("name", "timestamp") values ('${name}', '2026-01-01T00:00:00.000Z')`,
    ]),
  ]
}

/** A database as Kysely's Migrator left it after so many statements, with a run in it where there is a table for one. */
export function kyselyDatabase(path: string, statements: number): void {
  using db = new DatabaseSync(path)
  db.exec('PRAGMA journal_mode = WAL')
  for (const statement of kyselyStatements().slice(0, statements)) db.exec(statement)
  const hasRuns = db.prepare(`select 1 from sqlite_master where name = 'runs'`).get()
  if (!hasRuns) return
  db.exec(`insert into "runs" ("id", "startedAt", "argv", "cwd", "kernel", "machine", "outcome", "exitCode", "detail", "consolePath", "pid")
    values ('older', '2026-01-01T00:00:00.000Z', '["true"]', '/tmp', 'a kernel', '{}', 'exited', 3, '{"kind":"exited","code":3}', '/none', 1)`)
}

/** After how many statements each version is complete. */
export function kyselyVersions(): number[] {
  let made = ACCOUNT.length
  return KYSELY_HISTORY.map(({ sql }) => (made += sql.length + 1))
}
