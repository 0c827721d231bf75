import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'

import {
  child,
  endRun,
  historyHome,
  isReady,
  labAt,
  recordOf,
  startChild,
  together,
} from '../../../test/support/history.ts'
import {
  kyselyDatabase,
  kyselyStatements,
  kyselyVersions,
} from '../../../test/support/kysely-history.ts'
import { lockFile } from '../../host/index.ts'
import { listRuns, showRun } from './history.ts'

// Processes are started, perhaps on a machine that is busy.
vi.setConfig({ testTimeout: 120_000 })

const ended = { outcome: { kind: 'exited', code: 7 }, exitCode: 7 }
const lost = { outcome: { kind: 'lost' }, exitCode: 125 }
const report = { title: 'WARNING in f', fingerprint: 'f00', function: 'f', cause: null }

test('twenty klabs that find no database yet all write their runs', async () => {
  using home = historyHome()
  const ids = Array.from({ length: 20 }, (_, index) => `run${index}`)
  const ends = await together(...ids.map((id) => ['run', home.path, id]))
  expect(ends).toEqual(ids.map(() => ({ code: 0, stdout: '', stderr: '' })))
  const runs = await listRuns(await labAt(home.path), {})
  expect(runs.map(({ id }) => id).toSorted()).toEqual(ids.toSorted())
  for (const run of runs) expect(run).toMatchObject(ended)
})

test('klabs that ask at once for the first time make one database', async () => {
  using home = historyHome()
  const ends = await together(...Array.from({ length: 8 }, () => ['list', home.path]))
  expect(ends.filter(({ code }) => code !== 0)).toEqual([])
})

test('a klab that was killed anywhere in a migration by Kysely leaves a database that is used', async () => {
  for (let made = 0; made <= kyselyStatements().length; made++) {
    using home = historyHome()
    const lab = await labAt(home.path)
    kyselyDatabase(home.db, made)
    const before = runsIn(home.db)
    expect((await listRuns(lab, {})).map(({ id }) => id)).toEqual(before)
    const record = recordOf(lab, 'younger')
    record.begin()
    await endRun(record)
    expect(await showRun(lab, 'younger')).toMatchObject({ ...ended, reports: [report] })
  }
})

test('an older database has the schema of a new one afterwards', async () => {
  const schemas = []
  for (const made of [0, ...kyselyVersions()]) {
    using home = historyHome()
    const lab = await labAt(home.path)
    if (made > 0) kyselyDatabase(home.db, made)
    await listRuns(lab, {})
    schemas.push(schemaOf(home.db))
  }
  for (const schema of schemas) expect(schema).toEqual(schemas[0])
})

test('kills at any moment of a migration leave a database that the next klab brings to its end', async () => {
  // An index is made on the way from the first: that takes longest by far.
  const kills = [8, 2, 2, 2]
  for (const [index, made] of kyselyVersions().entries()) {
    const wholeMs = await killedMigration(made)
    const rounds = kills[index] ?? 0
    for (let round = 0; round < rounds; round++)
      await killedMigration(made, (wholeMs * (round + 0.5)) / rounds)
  }
  expect.assertions(36)
})

/** Migrates in a process that is killed after a while, or left alone. Returns how long that took. */
async function killedMigration(made: number, afterMs?: number): Promise<number> {
  using home = historyHome()
  const lab = await labAt(home.path)
  kyselyDatabase(home.db, made)
  {
    using db = new DatabaseSync(home.db)
    // So many that an index of them takes a while.
    db.exec(`with recursive n(i) as (values(1) union all select i + 1 from n where i < 50000)
      insert into reports (runId, kind, title, text) select 'older', 'BUG', 'BUG in f' || i, 'text' from n`)
  }
  const before = schemaOf(home.db)
  const migrating = startChild(['list', home.path])
  await isReady(migrating)
  migrating.stdin?.end()
  const startedAt = performance.now()
  if (afterMs === undefined) await isReady(migrating)
  else await sleep(afterMs)
  const ms = performance.now() - startedAt
  migrating.kill('SIGKILL')
  if (migrating.exitCode === null && migrating.signalCode === null) await once(migrating, 'exit')
  const left = schemaOf(home.db)
  expect(await listRuns(lab, {})).toMatchObject([{ id: 'older', exitCode: 3 }])
  expect([before, schemaOf(home.db)]).toContainEqual(left)
  return ms
}

test('runs that end while others take stock keep their ends and their reports', async () => {
  using home = historyHome()
  const lab = await labAt(home.path)
  await listRuns(lab, {})
  for (let round = 0; round < 4; round++) {
    // Looking after these takes a while, in which what was read of the others gets old.
    const dead = [0, 1, 2, 3, 4, 5, 6, 7].map((index) => [
      'begin',
      home.path,
      `dead${round}${index}`,
    ])
    await together(...dead)
    const ids = [20, 40, 60, 80].map((ms) => [`run${round}${ms}`, String(ms)])
    const readers = [1, 2].map(() => ['list', home.path])
    const ends = await together(...ids.map((id) => ['run', home.path, ...id]), ...readers)
    expect(ends.map(({ stderr }) => stderr).join('')).toBe('')
    for (const [id = ''] of ids)
      expect(await showRun(lab, id)).toMatchObject({ ...ended, reports: [report] })
  }
})

test('an end that comes after its run was taken for lost is the one that stays', async () => {
  using home = historyHome()
  const lab = await labAt(home.path)
  await child('begin', home.path, 'late')
  expect(await showRun(lab, 'late')).toMatchObject({ ...lost, reports: [] })
  await endRun(recordOf(lab, 'late'))
  expect(await showRun(lab, 'late')).toMatchObject({ ...ended, reports: [report] })
  expect(await listRuns(lab, {})).toMatchObject([{ id: 'late', ...ended }])
})

test('a reader that looked before the end does not make a run lost after it', async () => {
  using home = historyHome()
  const lab = await labAt(home.path)
  await listRuns(lab, {})
  for (let round = 0; round < 10; round++) {
    const id = `run${round}`
    // Its owner is dead for whoever looks, and its end comes at the same time.
    await child('begin', home.path, id)
    const looks = [1, 2, 3].map(() => listRuns(lab, {}))
    await Promise.all([...looks, endRun(recordOf(lab, id))])
    expect(await showRun(lab, id)).toMatchObject({ ...ended, reports: [report] })
  }
})

test('the run of a killed klab is lost although another process has its number now', async () => {
  using home = historyHome()
  const lab = await labAt(home.path)
  await listRuns(lab, {})
  using db = new DatabaseSync(home.db)
  // Of an older klab, which recorded its number alone.
  unfinishedRun(db, { id: 'old', pid: process.pid, startedAt: '2020-01-01T00:00:00.000Z' })
  unfinishedRun(db, { id: 'live', pid: process.pid, startedAt: new Date().toISOString() })
  const runs = await listRuns(lab, {})
  expect(runs.find(({ id }) => id === 'old')).toMatchObject(lost)
  expect(runs.find(({ id }) => id === 'live')).toMatchObject({ outcome: null })
})

test('the owner of a run is told apart from a later process of its number', async () => {
  using home = historyHome()
  const lab = await labAt(home.path)
  for (const id of ['mine', 'reused', 'boot']) recordOf(lab, id).begin()
  using db = new DatabaseSync(home.db)
  const change = (id: string, name: string, value: string) =>
    db
      .prepare(`update runs set owner = json_set(owner, '$.' || ?, ?) where id = ?`)
      .run(name, value, id)
  change('reused', 'startTicks', '1')
  change('boot', 'bootId', 'another')
  const kinds = (await listRuns(lab, {})).map(({ id, outcome }) => [id, outcome?.kind])
  expect(Object.fromEntries(kinds)).toEqual({ mine: undefined, reused: 'lost', boot: 'lost' })
})

test('a run whose klab is gone goes on as long as its QEMU holds the lock', async () => {
  using home = historyHome()
  const lab = await labAt(home.path)
  await child('begin', home.path, 'held')
  {
    await using _lock = await lockFile(join(lab.paths.state, 'runs/held/lock'), {
      cacheDir: lab.paths.cache,
    })
    expect(await listRuns(lab, {})).toMatchObject([{ id: 'held', outcome: null }])
  }
  expect(await listRuns(lab, {})).toMatchObject([{ id: 'held', ...lost }])
})

test('the records that an older klab has left as files are taken in, and the directory goes', async () => {
  using home = historyHome()
  const lab = await labAt(home.path)
  const dir = journalOf(home.path)
  writeEntry(dir, {
    run: rowOf({ id: 'ended' }),
    reports: [{ ...report, kind: 'WARN', text: 'w' }],
  })
  writeEntry(dir, {
    run: rowOf({ id: 'ancient' }),
    reports: [{ kind: 'WARN', title: 'WARNING in g', text: 'w' }],
  })
  writeEntry(dir, { run: rowOf({ id: 'begun', outcome: undefined, pid: 0x3fffff }), reports: [] })
  expect(await showRun(lab, 'ended')).toMatchObject({ exitCode: 7, reports: [report] })
  expect(await showRun(lab, 'ancient')).toMatchObject({ reports: [{ fingerprint: '' }] })
  expect(await showRun(lab, 'begun')).toMatchObject(lost)
  expect(existsSync(dir)).toBe(false)
})

test('an older klab that still runs has its end taken in when it has written it', async () => {
  using home = historyHome()
  const lab = await labAt(home.path)
  const dir = journalOf(home.path)
  const started = { id: 'live', startedAt: new Date().toISOString(), pid: process.pid }
  writeEntry(dir, { run: rowOf({ ...started, outcome: undefined }), reports: [] })
  expect(await listRuns(lab, {})).toMatchObject([{ id: 'live', outcome: null }])
  writeEntry(dir, { run: rowOf(started), reports: [] })
  expect(await listRuns(lab, {})).toMatchObject([{ id: 'live', ...ended }])
  expect(existsSync(dir)).toBe(false)
})

test('a record that is damaged is put aside and keeps nothing else from being seen', async () => {
  using home = historyHome()
  const lab = await labAt(home.path)
  const dir = journalOf(home.path)
  const texts = ['{"run"', '[]', '{"run":{"id":"x"},"reports":[]}', '']
  for (const [index, text] of texts.entries()) writeFileSync(join(dir, `${index}.json`), text)
  writeEntry(dir, { run: rowOf({ id: 'fine' }), reports: [] })
  expect(await listRuns(lab, {})).toMatchObject([{ id: 'fine', ...ended }])
  expect(readdirSync(dir).toSorted()).toEqual(texts.map((_, index) => `${index}.json.damaged`))
})

test('a row that is damaged keeps no other from being seen', async () => {
  using home = historyHome()
  const lab = await labAt(home.path)
  for (const id of ['bad', 'fine']) await endRun(recordOf(lab, id))
  await listRuns(lab, {})
  {
    using db = new DatabaseSync(home.db)
    db.exec(`update runs set argv = '[', machine = 'x', detail = '{"kind":"exited"}', phases = '3',
      owner = '}' where id = 'bad'`)
  }
  const runs = await listRuns(lab, {})
  expect(runs.find(({ id }) => id === 'fine')).toMatchObject({ ...ended, argv: ['true'] })
  expect(runs.find(({ id }) => id === 'bad')).toMatchObject({
    ...{ argv: [], machine: {}, phases: {}, exitCode: 7 },
    outcome: { kind: 'lost', reason: 'its record says "exited", and no more is readable' },
  })
})

test('every hundredth run removes the oldest above the limit, with their directories', async () => {
  using home = historyHome()
  const opened = await labAt(home.path)
  const { limits } = opened.config
  const lab = { ...opened, config: { ...opened.config, limits: { ...limits, runs: 40 } } }
  const ids = Array.from({ length: 101 }, (_, index) => `run${100 + index}`)
  for (const id of ids) {
    const record = recordOf(lab, id)
    record.begin()
    await endRun(record)
  }
  const kept = (await listRuns(lab, {})).map(({ id }) => id).toSorted()
  expect(kept).toHaveLength(41)
  // Which of those that began in one millisecond is older is not known.
  expect(ids.slice(-30).filter((id) => !kept.includes(id))).toEqual([])
  expect(readdirSync(join(home.path, 'state/runs')).toSorted()).toEqual(kept)
})

test('nobody else may read the history', async () => {
  using home = historyHome()
  const record = recordOf(await labAt(home.path), 'secret')
  record.begin()
  await listRuns(await labAt(home.path), {})
  const modes = ['state', 'state/klab.db', 'state/klab.db-wal', 'state/klab.db-shm'].map((name) =>
    (statSync(join(home.path, name)).mode & 0o777).toString(8),
  )
  expect(modes).toEqual(['700', '600', '600', '600'])
})

test('QEMU’s command line is kept, and shown with the run alone', async () => {
  using home = historyHome()
  const lab = await labAt(home.path)
  const outcome = { kind: 'exited', code: 0 } as const
  const end = { outcome, exitCode: 0, phases: {}, durationMs: 1 }
  await recordOf(lab, 'shown').end({ ...end, qemu: ['qemu', '-m', '1'] }, [])
  await recordOf(lab, 'absent').end(end, [])
  expect((await showRun(lab, 'shown')).qemu).toEqual(['qemu', '-m', '1'])
  expect((await showRun(lab, 'absent')).qemu).toBeNull()
  for (const run of await listRuns(lab, {})) expect(run).not.toHaveProperty('qemu')
})

function runsIn(path: string): unknown[] {
  using db = new DatabaseSync(path)
  const isThere = db.prepare(`select 1 from sqlite_master where name = 'runs'`).get()
  return isThere
    ? db
        .prepare('select id from runs')
        .all()
        .map(({ id }) => id)
    : []
}

/** Tables, columns with all that is known of them, and indexes. */
function schemaOf(path: string): unknown[] {
  using db = new DatabaseSync(path)
  const names = db
    .prepare(
      `select type, name, tbl_name from sqlite_master where tbl_name not like 'kysely%' order by name`,
    )
    .all()
  const columns = ['runs', 'reports'].map((table) =>
    db
      .prepare('select name, upper(type), "notnull", pk from pragma_table_info(?) order by name')
      .all(table),
  )
  return [names, columns, db.prepare('PRAGMA user_version').get()]
}

function unfinishedRun(
  db: DatabaseSync,
  row: { id: string; pid: number; startedAt: string },
): void {
  db.prepare(
    `insert into runs (id, pid, startedAt, argv, cwd, kernel, machine, consolePath)
     values (?, ?, ?, '["true"]', '/tmp', 'a kernel', '{}', '/none')`,
  ).run(row.id, row.pid, row.startedAt)
}

function rowOf(values: { readonly id: string } & Readonly<Record<string, unknown>>) {
  return {
    ...{ startedAt: '2026-01-01T00:00:00.000Z', argv: '["true"]', cwd: '/tmp', kernel: 'a kernel' },
    ...{ machine: '{}', consolePath: '/none', pid: 1, outcome: 'exited', exitCode: 7 },
    detail: '{"kind":"exited","code":7}',
    ...values,
  }
}

function journalOf(home: string): string {
  const dir = join(home, 'state/journal')
  mkdirSync(dir, { recursive: true })
  return dir
}

function writeEntry(dir: string, entry: { run: { id: string }; reports: unknown[] }): void {
  writeFileSync(join(dir, `${entry.run.id}.json`), JSON.stringify(entry))
}
