import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, expect, test } from 'vitest'

import { openStore, withoutValues } from './index.ts'

const dir = mkdtempSync(join(tmpdir(), 'klab-values-'))
afterAll(() => rmSync(dir, { recursive: true }))

const command = { argv: ['a=b'], env: ['TOKEN=hunter2=3', 'CI', 'TOKEN=hunter2'] }
const bare = { argv: ['a=b'], env: ['TOKEN', 'CI'] }

test('values of variables are taken out, wherever klabs have kept them', () => {
  const of = (kept: unknown) => JSON.parse(withoutValues(JSON.stringify(kept)) ?? 'null')
  expect(of({ request: { command, vm: 1 }, unkept: ['OLD'], input: 'all' })).toEqual({
    ...{ request: { command: bare, vm: 1 }, unkept: ['OLD', 'TOKEN'], input: 'all' },
  })
  expect(of({ request: command })).toEqual({ request: bare, unkept: ['TOKEN'] })
  expect(withoutValues('{"request": {"env": ["TOKEN=hunter2"')).toBe(null)
  expect(withoutValues(null)).toBe(null)
})

test('a database of an older klab loses them, down to its files', async () => {
  const path = join(dir, 'klab.db')
  await (await openStore(path))[Symbol.asyncDispose]()
  {
    using db = new DatabaseSync(path)
    const insert = db.prepare(
      `INSERT INTO "runs" ("id", "startedAt", "argv", "cwd", "kernel", "machine", "consolePath", "pid", "request")
       VALUES (?, '2026', '[]', '/', 'k', '{}', '/c', 1, ?)`,
    )
    for (let run = 0; run < 50; run++)
      insert.run(`run${run}`, JSON.stringify({ request: { command }, rest: 'x'.repeat(run * 100) }))
    insert.run('none', null)
    db.exec('PRAGMA user_version = 5')
  }
  expect(textOf(dir)).toContain('hunter2')
  await using store = await openStore(path)
  const { request } = await store.run('run7')
  expect(JSON.parse(request ?? '')).toMatchObject({ request: { command: bare }, unkept: ['TOKEN'] })
  expect((await store.run('none')).request).toBeNull()
  expect(textOf(dir)).not.toContain('hunter2')
})

/** All that the files of a directory hold. */
function textOf(place: string): string {
  return readdirSync(place)
    .map((name) => readFileSync(join(place, name), 'latin1'))
    .join('\n')
}
