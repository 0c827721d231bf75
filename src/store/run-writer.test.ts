import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { openStore } from './index.ts'
import { RunWriter } from './run-writer.ts'
import type { NewRun } from './schema.ts'

function temporaryDirectory(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'klab-store-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

function runOf(id: string): NewRun {
  return {
    ...{ id, startedAt: new Date().toISOString(), argv: '["true"]', cwd: '/', kernel: 'k' },
    ...{ machine: '{}', consolePath: '/none', pid: process.pid },
  }
}

const report = {
  ...{ kind: 'BUG', title: 'BUG in f', text: 'x'.repeat(500), fingerprint: 'f00' },
  ...{ function: 'f', cause: null },
}

test('ten thousand runs of one process keep one database open, and a log of bounded size', async () => {
  using dir = temporaryDirectory()
  const path = join(dir.path, 'klab.db')
  {
    using writer = new RunWriter(path)
    writer.begin(runOf('first'))
    const open = readdirSync('/proc/self/fd').length
    for (let number = 0; number < 10_000; number++) {
      const run = runOf(`run${number}`)
      expect(writer.begin(run)).toBe(number + 2)
      await writer.end({ ...run, outcome: 'exited', exitCode: 0 }, [report])
    }
    expect(readdirSync('/proc/self/fd').length).toBe(open)
    expect(statSync(`${path}-wal`).size).toBeLessThan(8 * 1024 * 1024)
  }
  await using store = await openStore(path)
  expect(await store.count()).toBe(10_001)
  expect(await store.crashes()).toMatchObject([{ title: 'BUG in f', runs: 10_000 }])
}, 60_000)

test('a process that has written runs closes the database without taking its log in', async () => {
  using dir = temporaryDirectory()
  const path = join(dir.path, 'klab.db')
  {
    using writer = new RunWriter(path)
    writer.begin(runOf('only'))
  }
  expect(statSync(`${path}-wal`).size).toBeGreaterThan(0)
  {
    await using store = await openStore(path)
    expect(await store.unfinished()).toMatchObject([{ id: 'only' }])
  }
  // Whoever copies the one file afterwards has all of it.
  expect(readdirSync(dir.path)).toEqual(['klab.db'])
})

test('a run that has ended is not begun again, nor lost', async () => {
  using dir = temporaryDirectory()
  using writer = new RunWriter(join(dir.path, 'klab.db'))
  await writer.end({ ...runOf('one'), outcome: 'exited', exitCode: 5 }, [report])
  expect(writer.begin(runOf('one'))).toBeUndefined()
  await using store = await openStore(writer.path)
  expect(store.changes.lose('one', { endedAt: 'now', detail: '{}' })).toBe(false)
  expect(await store.run('one')).toMatchObject({ exitCode: 5, reports: [report] })
  writer.begin(runOf('two'))
  expect(store.changes.lose('two', { endedAt: 'now', detail: '{}' })).toBe(true)
  expect(await store.run('two')).toMatchObject({ outcome: 'lost', exitCode: 125, endedAt: 'now' })
})
