import type { DatabaseSync, StatementSync } from 'node:sqlite'

import { withProblems } from './problem.ts'
import type { NewRun, RunsTable, StoredReport } from './schema.ts'
import { inTransaction } from './transaction.ts'

/** Every column of a run; the compiler finds one that is forgotten. */
const COLUMNS = Object.keys({
  ...{ id: '', startedAt: '', endedAt: '', argv: '', cwd: '', kernel: '', kernelId: '' },
  ...{ release: '', machine: '', outcome: '', exitCode: '', detail: '', phases: '' },
  ...{ durationMs: '', peakMemoryKiB: '', consolePath: '', request: '', qemu: '', pid: '' },
  owner: '',
} satisfies Record<keyof RunsTable, ''>) as readonly (keyof RunsTable)[]

const INSERT_RUN = `INSERT INTO "runs" (${COLUMNS.map((name) => `"${name}"`).join(', ')})
  VALUES (${COLUMNS.map(() => '?').join(', ')}) ON CONFLICT ("id")`

const SQL = {
  // One that is there knows more: that it has begun is the least that can be known.
  begin: `${INSERT_RUN} DO NOTHING`,
  // Over `lost` as well: nobody knows the end of a run better than itself, however late it comes.
  end: `${INSERT_RUN} DO UPDATE SET ${COLUMNS.map((name) => `"${name}" = excluded."${name}"`).join(', ')}`,
  // Whoever takes it for lost has looked some time ago.
  lose: `UPDATE "runs" SET "outcome" = 'lost', "exitCode" = 125, "endedAt" = ?, "detail" = ?
    WHERE "id" = ? AND "outcome" IS NULL`,
  takeBack: `DELETE FROM "runs" WHERE "id" = ? AND "outcome" IS NULL`,
  dropReports: `DELETE FROM "reports" WHERE "runId" = ?`,
  addReport: `INSERT INTO "reports" ("runId", "kind", "title", "text", "fingerprint", "function", "cause")
    VALUES (?, ?, ?, ?, ?, ?, ?)`,
} as const

/** The changes that a run's record goes through, each guarded so that no order of them loses an end. They throw InfraError. */
export class RunStatements {
  readonly #db: DatabaseSync
  readonly #path: string
  readonly #prepared = new Map<keyof typeof SQL, StatementSync>()

  constructor(db: DatabaseSync, path: string) {
    this.#db = db
    this.#path = path
  }

  /** Writes a run down as one that goes on, unless it is there. Returns its number among all runs; undefined if it was there. */
  begin(run: NewRun): number | undefined {
    return withProblems(this.#path, () => {
      const { changes, lastInsertRowid } = this.#statement('begin').run(...valuesOf(run))
      return changes > 0 ? Number(lastInsertRowid) : undefined
    })
  }

  /** Writes the end of a run with its reports, over all that was known of it. */
  end(run: NewRun, reports: readonly StoredReport[]): void {
    withProblems(this.#path, () =>
      inTransaction(this.#db, () => {
        this.#statement('end').run(...valuesOf(run))
        this.#statement('dropReports').run(run.id)
        for (const { kind, title, text, fingerprint, function: name, cause } of reports)
          this.#statement('addReport').run(run.id, kind, title, text, fingerprint, name, cause)
      }),
    )
  }

  /** Forgets a run that has begun and has no end. */
  takeBack(id: string): void {
    withProblems(this.#path, () => this.#statement('takeBack').run(id))
  }

  /** Writes a run down as lost, unless its end is known. Returns whether it was not. */
  lose(id: string, end: { endedAt: string; detail: string }): boolean {
    return withProblems(this.#path, () => {
      const { changes } = this.#statement('lose').run(end.endedAt, end.detail, id)
      return changes > 0
    })
  }

  #statement(name: keyof typeof SQL): StatementSync {
    const prepared = this.#prepared.get(name) ?? this.#db.prepare(SQL[name])
    this.#prepared.set(name, prepared)
    return prepared
  }
}

function valuesOf(run: NewRun): (string | number | null)[] {
  return COLUMNS.map((name) => run[name] ?? null)
}
