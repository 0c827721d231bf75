import { Kysely, SqliteDialect } from 'kysely'
import type { DatabaseSync } from 'node:sqlite'

import { InfraError } from '../base/index.ts'
import { openDatabase, whenUnlocked } from './database.ts'
import { PATIENCE_MS } from './problem.ts'
import { RunStatements } from './run-statements.ts'
import type { RunRow, Schema, StoredReport } from './schema.ts'
import { kyselyDatabase } from './sqlite.ts'

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

/** All runs, on disk. Several processes may have it open. Its methods throw InfraError. */
export class Store implements AsyncDisposable {
  readonly #sqlite: DatabaseSync
  readonly #db: Kysely<Schema>
  /** What is written: by the same statements that runs use. */
  readonly changes: RunStatements

  private constructor(sqlite: DatabaseSync, path: string) {
    this.#sqlite = sqlite
    this.#db = new Kysely<Schema>({
      dialect: new SqliteDialect({ database: kyselyDatabase(sqlite, path) }),
    })
    this.changes = new RunStatements(sqlite, path)
  }

  /** Opens the database and brings it to the newest schema. */
  static async open(path: string): Promise<Store> {
    return new Store(await whenUnlocked(() => openDatabase(path, PATIENCE_MS)), path)
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

  /** Whether the end of a run is known. */
  async hasEnded(id: string): Promise<boolean> {
    const row = await this.#db
      .selectFrom('runs')
      .select('outcome')
      .where('id', '=', id)
      .executeTakeFirst()
    return row !== undefined && row.outcome !== null
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

  /** Of a crash, and of what it has led to. */
  async removeReports(fingerprint: string): Promise<void> {
    await this.#db
      .deleteFrom('reports')
      .where((build) =>
        build.or([build('fingerprint', '=', fingerprint), build('cause', '=', fingerprint)]),
      )
      .execute()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#db.destroy()
    this.#sqlite.close()
  }
}
