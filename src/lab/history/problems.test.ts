import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'

import {
  CHILD,
  child,
  endRun,
  historyHome,
  labAt,
  recordOf,
} from '../../../test/support/history.ts'
import { run } from '../../host/index.ts'
import { listCrashes, removeCrash } from '../crashes/list.ts'
import { listRuns, pruneHistory, showRun } from './history.ts'
import { removeRun } from './remove-run.ts'

// Processes are started, perhaps on a machine that is busy.
vi.setConfig({ testTimeout: 120_000 })

const ended = { outcome: { kind: 'exited', code: 7 }, exitCode: 7 }

test('a run waits for whoever keeps the database locked, and its end is recorded', async () => {
  using home = historyHome()
  const lab = await labAt(home.path)
  await listRuns(lab, {})
  const notes: string[] = []
  const record = recordOf(lab, 'waits', notes)
  {
    using other = new DatabaseSync(home.db)
    other.exec('BEGIN IMMEDIATE')
    record.begin()
    setTimeout(() => other.exec('COMMIT'), 700)
    await endRun(record)
  }
  expect(await showRun(lab, 'waits')).toMatchObject({ ...ended, reports: [{ function: 'f' }] })
  expect(notes).toEqual([])
})

test('a run is seen as soon as a locked database is free, while it goes on', async () => {
  using home = historyHome()
  const lab = await labAt(home.path)
  await listRuns(lab, {})
  using other = new DatabaseSync(home.db)
  other.exec('BEGIN IMMEDIATE')
  recordOf(lab, 'goes-on').begin()
  other.exec('COMMIT')
  await sleep(800)
  expect(await listRuns(lab, {})).toMatchObject([{ id: 'goes-on', outcome: null }])
})

test.concurrent('a run that waits in vain has its verdict, says so, and is in the history later', async () => {
  using home = historyHome()
  const lab = await labAt(home.path)
  await listRuns(lab, {})
  const other = new DatabaseSync(home.db)
  other.exec('BEGIN IMMEDIATE')
  const { code, stderr } = await child('run', home.path, 'kept')
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: `note: the database ${home.db} is locked by another program, which fuser ${home.db} names; end that and try again; until then the record of run kept is ${home.path}/state/journal/kept.json\n`,
  })
  expect(statSync(join(home.path, 'state/journal/kept.json')).mode & 0o777).toBe(0o600)
  other.close()
  expect(await showRun(lab, 'kept')).toMatchObject({ ...ended, reports: [{ function: 'f' }] })
  expect(existsSync(join(home.path, 'state/journal'))).toBe(false)
})

test.concurrent('a locked database with a record to take in is told in one sentence', async () => {
  using home = historyHome()
  const lab = await labAt(home.path)
  await listRuns(lab, {})
  mkdirSync(join(home.path, 'state/journal'), { recursive: true })
  const row = {
    ...{ id: 'waits', startedAt: '2026-01-01T00:00:00.000Z', argv: '[]', cwd: '/', kernel: 'k' },
    ...{ machine: '{}', consolePath: '/none', pid: 1, outcome: 'exited', detail: '{}' },
  }
  const text = JSON.stringify({ run: row, reports: [] })
  writeFileSync(join(home.path, 'state/journal/waits.json'), text)
  using other = new DatabaseSync(home.db)
  other.exec('BEGIN IMMEDIATE')
  const { code, stderr } = await child('list', home.path)
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: `STORE_LOCKED: the database ${home.db} is locked by another program, which fuser ${home.db} names; end that and try again\n`,
  })
  expect(readFileSync(join(home.path, 'state/journal/waits.json'), 'utf8')).toBe(text)
})

test('a database that is damaged takes no verdict away, and is told in one sentence', async () => {
  using home = historyHome()
  const lab = await labAt(home.path)
  writeFileSync(home.db, 'this is no database '.repeat(500))
  const notes: string[] = []
  const record = recordOf(lab, 'first', notes)
  record.begin()
  await endRun(record)
  const told = `the database ${home.db} is damaged (file is not a database); start a new one with: mv ${home.db} ${home.db}.damaged`
  expect(notes).toEqual([
    `${told}; until then the record of run first is ${home.path}/state/journal/first.json`,
  ])
  await expect(listRuns(lab, {})).rejects.toMatchObject({ code: 'STORE_DAMAGED', message: told })
  renameSync(home.db, `${home.db}.damaged`)
  expect(await listRuns(lab, {})).toMatchObject([{ id: 'first', ...ended }])
})

test('a database with a page of noise is told in one sentence too', async () => {
  using home = historyHome()
  const lab = await labAt(home.path)
  await listRuns(lab, {})
  const bytes = readFileSync(home.db)
  writeFileSync(home.db, bytes.fill(0xa5, 4096))
  const notes: string[] = []
  await endRun(recordOf(lab, 'first', notes))
  expect(notes).toHaveLength(1)
  expect(notes[0]).toMatch(/^the database \S+ is damaged \(.*\); start a new one with: mv /)
  await expect(listRuns(lab, {})).rejects.toMatchObject({ code: 'STORE_DAMAGED' })
})

test('the database of a newer klab is left alone: no run begins, and no question is answered', async () => {
  using home = historyHome()
  const lab = await labAt(home.path)
  await listRuns(lab, {})
  {
    using db = new DatabaseSync(home.db)
    db.exec('PRAGMA user_version = 99')
  }
  const told =
    /^the database \S+ is of a newer klab \(schema 99; this klab knows \d+\); use that klab, or move the database away to start a new one$/
  expect(() => recordOf(lab, 'none').begin()).toThrow(told)
  await expect(listRuns(lab, {})).rejects.toThrow(told)
})

test('a database that was moved away while a VM lived is not written any more', async () => {
  using home = historyHome()
  const lab = await labAt(home.path)
  const record = recordOf(lab, 'long')
  record.begin()
  for (const name of readdirSync(join(home.path, 'state')).filter((file) => /klab\.db/.test(file)))
    renameSync(join(home.path, 'state', name), join(home.path, `old-${name}`))
  await endRun(record)
  expect(await listRuns(lab, {})).toMatchObject([{ id: 'long', ...ended }])
})

test('a full disk takes no verdict away, and what is in the history can be seen and removed', async () => {
  using home = historyHome()
  const state = join(home.path, 'state')
  mkdirSync(state)
  const { stdout, stderr } = await inMounts(`
    mount -t tmpfs -o size=400k,mode=700 none ${state}
    ${commandOf('run', home.path, 'first')}
    head -c 80k /dev/zero >${state}/runs/first/console.log
    head -c 1M /dev/zero >${state}/filler 2>&- || echo full
    ${commandOf('run', home.path, 'second')}
    ${commandOf('list', home.path)}
    ${commandOf('prune', home.path)}
    ${commandOf('run', home.path, 'third')}
    ${commandOf('list', home.path)}
    ls ${state}`)
  expect(stdout.replaceAll('ready\n', '')).toBe(
    'full\nfirst exited\nthird exited\nfiller\nklab.db\nruns\n',
  )
  expect(stderr).toBe(
    `note: there is no space left for the database ${home.db}; make room on its file system; run second is not in the history (ENOSPC: no space left on device, write)\n`,
  )
})

test('a database that cannot be written takes no verdict away, and is told in one sentence', async () => {
  using home = historyHome()
  const lab = await labAt(home.path)
  await endRun(recordOf(lab, 'first'))
  await listRuns(lab, {})
  const { stderr } = await inMounts(`
    mount --bind ${home.db} ${home.db}
    mount -o remount,bind,ro ${home.db}
    ${commandOf('run', home.path, 'second')}
    ${commandOf('list', home.path)} || true`)
  const told = `cannot write the database ${home.db} (attempt to write a readonly database); see whom the file and its directory belong to, or set KLAB_HOME to a directory of your own`
  const record = join(home.path, 'state/journal/second.json')
  expect(stderr.split('\n')).toEqual([
    `note: ${told}; until then the record of run second is ${record}`,
    `STORE_READ_ONLY: ${told}`,
    '',
  ])
  expect((await listRuns(lab, {})).map(({ id }) => id)).toEqual(['second', 'first'])
})

/** Runs a script where it may mount, and nobody else sees it. */
async function inMounts(script: string) {
  const own = process.getuid?.() === 0 ? ['--mount'] : ['--user', '--map-root-user', '--mount']
  return await run('unshare', [...own, 'sh', '-ec', script])
}

function commandOf(...args: readonly string[]): string {
  return `${process.execPath} ${CHILD} ${args.join(' ')} </dev/null`
}

test('a run that is over is removed with its files, whatever became of its record', async () => {
  using home = historyHome()
  const lab = await labAt(home.path)
  for (const id of ['first', 'second', 'third']) {
    const record = recordOf(lab, id)
    record.begin()
    await endRun(record)
  }
  const files = () => readdirSync(join(home.path, 'state/runs')).toSorted()
  const going = recordOf(lab, 'going')
  going.begin()
  await expect(removeRun(lab, 'going')).rejects.toThrow('run going goes on')
  await endRun(going)
  expect(await removeRun(lab, 'fir')).toBe('first')
  expect((await listRuns(lab, {})).map(({ id }) => id).toSorted()).toEqual([
    'going',
    'second',
    'third',
  ])
  expect(files()).toEqual(['going', 'second', 'third'])
  mkdirSync(join(home.path, 'state/runs/nobodys'))
  expect(await removeRun(lab, 'nobodys')).toBe('nobodys')
  for (const name of ['klab.db', 'klab.db-wal', 'klab.db-shm'])
    rmSync(join(home.path, 'state', name), { force: true })
  writeFileSync(home.db, 'no database, and long enough to be one'.repeat(100))
  expect(await removeRun(lab, 'sec')).toBe('second')
  await expect(removeRun(lab, 'none')).rejects.toThrow(/is damaged .*; start a new one with: mv/)
  expect(files()).toEqual(['going', 'third'])
})

test('a crash is removed with its reports, and the runs that saw it stay', async () => {
  using home = historyHome()
  const lab = await labAt(home.path)
  const record = recordOf(lab, 'first')
  record.begin()
  await endRun(record)
  expect(await listCrashes(lab)).toMatchObject([{ fingerprint: 'f00' }])
  expect(await removeCrash(lab, 'f0')).toMatchObject({ title: 'WARNING in f' })
  expect(await listCrashes(lab)).toEqual([])
  expect(await showRun(lab, 'first')).toMatchObject({ id: 'first', reports: [] })
  await expect(removeCrash(lab, 'f00')).rejects.toThrow('there is no crash f00')
})

test('what lies there of a run that nobody knows is pruned', async () => {
  using home = historyHome()
  const lab = await labAt(home.path)
  const runs = join(home.path, 'state/runs')
  const record = recordOf(lab, 'first')
  record.begin()
  await endRun(record)
  for (const id of ['old', 'young']) mkdirSync(join(runs, id))
  const before = new Date(Date.now() - 2 * 3_600_000)
  utimesSync(join(runs, 'old'), before, before)
  const { removed } = await pruneHistory(lab, { runs: 10, bytes: 2 ** 40 })
  expect(removed).toMatchObject([{ what: 'run old' }])
  expect(readdirSync(runs).toSorted()).toEqual(['first', 'young'])
})

test('what a klab that was killed had not finished goes with the next look at the history', async () => {
  using home = historyHome()
  const lab = await labAt(home.path)
  const dir = join(home.path, 'state/runs/dumping')
  await child('begin', home.path, 'dumping')
  for (const name of ['vmcore.packed', 'vmcore.partial', 'initramfs', 'console.log'])
    writeFileSync(join(dir, name), name)
  mkdirSync(join(dir, 'memory-x1'))
  expect(await listRuns(lab, {})).toMatchObject([{ id: 'dumping', outcome: { kind: 'lost' } }])
  expect(readdirSync(dir)).toEqual(['console.log'])
})
