import { Kysely, SqliteDialect, type Insertable, type Selectable, type Updateable } from 'kysely'
import { Migrator } from 'kysely/migration'

import { InfraError, messageOf } from '../base/index.ts'
import { migrations } from './migrations.ts'
import type { RunsTable, Schema } from './schema.ts'
import { openSqlite } from './sqlite.ts'

export type RunRow = Selectable<RunsTable>
export type NewRun = Insertable<RunsTable>

export interface StoredReport {
  readonly kind: string
  readonly title: string
  readonly text: string
  readonly fingerprint: string
  readonly function: string | null
  readonly cause: string | null
}

/** Reports with the same fingerprint, counted together. */
export interface CrashRow {
  readonly fingerprint: string
  readonly title: string
  readonly kind: string
  readonly function: string | null
  readonly runs: number
  readonly firstSeen: string
  readonly lastSeen: string
}

export interface RunFilter {
  readonly outcome?: string
  readonly kernel?: string
  /** Only runs whose command contains this. */
  readonly command?: string
  readonly limit?: number
}

/** All runs, on disk. Several processes may have it open. */
export class Store implements AsyncDisposable {
  readonly #db: Kysely<Schema>

  private constructor(db: Kysely<Schema>) {
    this.#db = db
  }

  /** Opens the database and brings it to the newest schema. Throws InfraError if it cannot be used. */
  static async open(path: string): Promise<Store> {
    try {
      const db = new Kysely<Schema>({ dialect: new SqliteDialect({ database: openSqlite(path) }) })
      await migrate(db)
      return new Store(db)
    } catch (error) {
      throw new InfraError(
        'STORE',
        `cannot use the database ${path}: ${messageOf(error)}; move it away to start a new one`,
        { cause: error },
      )
    }
  }

  /** Writes a run as it is now, and its reports, over what was known of it. */
  async putRun(run: NewRun, reports: readonly StoredReport[]): Promise<void> {
    await this.#db.transaction().execute(async (db) => {
      await db
        .insertInto('runs')
        .values(run)
        .onConflict((conflict) => conflict.column('id').doUpdateSet(run))
        .execute()
      await db.deleteFrom('reports').where('runId', '=', run.id).execute()
      if (reports.length === 0) return
      const rows = reports.map((report) => ({
        runId: run.id,
        kind: report.kind,
        title: report.title,
        text: report.text,
        // A record of an older klab has none.
        fingerprint: report.fingerprint ?? '',
        function: report.function ?? null,
        cause: report.cause ?? null,
      }))
      await db.insertInto('reports').values(rows).execute()
    })
  }

  async updateRun(id: string, values: Updateable<RunsTable>): Promise<void> {
    await this.#db.updateTable('runs').set(values).where('id', '=', id).execute()
  }

  /** Newest first. */
  async runs(filter: RunFilter = {}): Promise<RunRow[]> {
    let query = this.#db.selectFrom('runs').selectAll().orderBy('startedAt', 'desc')
    if (filter.outcome !== undefined) query = query.where('outcome', '=', filter.outcome)
    if (filter.kernel !== undefined) query = query.where('kernel', 'like', `%${filter.kernel}%`)
    if (filter.command !== undefined) query = query.where('argv', 'like', `%${filter.command}%`)
    if (filter.limit !== undefined) query = query.limit(filter.limit)
    return await query.execute()
  }

  /** The one run whose id begins so. Throws InfraError if there is none, or several. */
  async run(prefix: string): Promise<RunRow & { reports: StoredReport[] }> {
    const rows = await this.#db
      .selectFrom('runs')
      .selectAll()
      .where('id', 'like', `${prefix}%`)
      .limit(2)
      .execute()
    const [row, other] = rows
    if (!row || prefix === '')
      throw new InfraError('RUN', `there is no run ${prefix}; klab runs lists them`)
    if (other) throw new InfraError('RUN', `${prefix} means several runs; give more of the id`)
    const reports = await this.#db
      .selectFrom('reports')
      .select(['kind', 'title', 'text', 'fingerprint', 'function', 'cause'])
      .where('runId', '=', row.id)
      .orderBy('id')
      .execute()
    return { ...row, reports }
  }

  /** Crashes, seen last first; without what is a consequence of another. */
  async crashes(): Promise<CrashRow[]> {
    return await this.#db
      .selectFrom('reports')
      .innerJoin('runs', 'runs.id', 'reports.runId')
      .where('reports.fingerprint', '!=', '')
      .where('reports.cause', 'is', null)
      .groupBy('reports.fingerprint')
      .select((build) => [
        'reports.fingerprint',
        'reports.title',
        'reports.kind',
        'reports.function',
        build.fn.count<number>('reports.runId').distinct().as('runs'),
        build.fn.min<string>('runs.startedAt').as('firstSeen'),
        build.fn.max<string>('runs.startedAt').as('lastSeen'),
      ])
      .orderBy('lastSeen', 'desc')
      .execute()
  }

  /** The runs that saw a crash, newest first. */
  async runsOfCrash(fingerprint: string): Promise<RunRow[]> {
    return await this.#db
      .selectFrom('runs')
      .innerJoin('reports', 'reports.runId', 'runs.id')
      .where('reports.fingerprint', '=', fingerprint)
      .groupBy('runs.id')
      .selectAll('runs')
      .orderBy('runs.startedAt', 'desc')
      .execute()
  }

  /** What a crash has led to. */
  async consequences(fingerprint: string): Promise<{ title: string; runs: number }[]> {
    return await this.#db
      .selectFrom('reports')
      .where('cause', '=', fingerprint)
      .groupBy('title')
      .select(['title', ({ fn }) => fn.count<number>('runId').distinct().as('runs')])
      .orderBy('runs', 'desc')
      .execute()
  }

  /** What the newest report of a crash says. */
  async newestText(fingerprint: string): Promise<string> {
    const row = await this.#db
      .selectFrom('reports')
      .where('fingerprint', '=', fingerprint)
      .select('text')
      .orderBy('id', 'desc')
      .limit(1)
      .executeTakeFirst()
    return row?.text ?? ''
  }

  /** Runs that are recorded as running. */
  async unfinished(): Promise<RunRow[]> {
    return await this.#db.selectFrom('runs').selectAll().where('outcome', 'is', null).execute()
  }

  /** How many runs there are. */
  async count(): Promise<number> {
    const { runs } = await this.#db
      .selectFrom('runs')
      .select(({ fn }) => fn.countAll<number>().as('runs'))
      .executeTakeFirstOrThrow()
    return runs
  }

  async removeRun(id: string): Promise<void> {
    await this.#db.deleteFrom('runs').where('id', '=', id).execute()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#db.destroy()
  }
}

async function migrate(db: Kysely<Schema>): Promise<void> {
  const { error } = await new Migrator({ db, provider: migrations }).migrateToLatest()
  if (error) throw error instanceof Error ? error : new Error('the migration failed')
}
