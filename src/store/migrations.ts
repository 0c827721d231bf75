import type { Kysely } from 'kysely'
import type { Migration, MigrationProvider } from 'kysely/migration'

const MIGRATIONS: Record<string, Migration> = {
  '0001-runs': {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable('runs')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('startedAt', 'text', (column) => column.notNull())
        .addColumn('endedAt', 'text')
        .addColumn('argv', 'text', (column) => column.notNull())
        .addColumn('cwd', 'text', (column) => column.notNull())
        .addColumn('kernel', 'text', (column) => column.notNull())
        .addColumn('kernelId', 'text')
        .addColumn('release', 'text')
        .addColumn('machine', 'text', (column) => column.notNull())
        .addColumn('outcome', 'text')
        .addColumn('exitCode', 'integer')
        .addColumn('detail', 'text')
        .addColumn('phases', 'text')
        .addColumn('durationMs', 'integer')
        .addColumn('peakMemoryKiB', 'integer')
        .addColumn('consolePath', 'text', (column) => column.notNull())
        .addColumn('pid', 'integer', (column) => column.notNull())
        .execute()
      await db.schema.createIndex('runsByStart').on('runs').column('startedAt').execute()
      await db.schema
        .createTable('reports')
        .addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement())
        .addColumn('runId', 'text', (column) =>
          column.references('runs.id').onDelete('cascade').notNull(),
        )
        .addColumn('kind', 'text', (column) => column.notNull())
        .addColumn('title', 'text', (column) => column.notNull())
        .addColumn('text', 'text', (column) => column.notNull())
        .execute()
      await db.schema.createIndex('reportsByRun').on('reports').column('runId').execute()
    },
  },
  '0002-crashes': {
    async up(db: Kysely<unknown>) {
      await db.schema
        .alterTable('reports')
        .addColumn('fingerprint', 'text', (column) => column.notNull().defaultTo(''))
        .execute()
      await db.schema.alterTable('reports').addColumn('function', 'text').execute()
      await db.schema
        .createIndex('reportsByFingerprint')
        .on('reports')
        .column('fingerprint')
        .execute()
    },
  },
  '0003-requests': {
    async up(db: Kysely<unknown>) {
      await db.schema.alterTable('runs').addColumn('request', 'text').execute()
    },
  },
  '0004-causes': {
    async up(db: Kysely<unknown>) {
      await db.schema.alterTable('reports').addColumn('cause', 'text').execute()
    },
  },
}

export const migrations: MigrationProvider = { getMigrations: () => Promise.resolve(MIGRATIONS) }
