import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'

import { newId } from '../../base/index.ts'
import { cpuCount, processIdentity } from '../../host/index.ts'
import { takePlace } from './schedule.ts'

const dir = mkdtempSync(join(tmpdir(), 'klab-schedule-'))
afterAll(() => rmSync(dir, { recursive: true }))
const stop = new AbortController().signal

function pathsAt(name: string) {
  const runtime = join(dir, name)
  return { runtime, cache: dir, state: dir, userConfig: dir }
}

const all = { cpus: cpuCount() * 2, memoryMiB: 64, patient: true }

test('places are given in the order in which they were asked for', async () => {
  const paths = pathsAt('order')
  const said: string[] = []
  const order: number[] = []
  const onWait = (why: string) => said.push(why)
  const first = await takePlace(paths, all, { stop, onWait })
  const others = [2, 3].map(async (number) => {
    await sleep(number)
    using _place = await takePlace(paths, all, { stop, onWait })
    order.push(number)
  })
  await sleep(50)
  expect(order).toEqual([])
  first[Symbol.dispose]()
  await Promise.all(others)
  expect(order).toEqual([2, 3])
  expect(said.length).toBe(2)
  expect(readdirSync(join(paths.runtime, 'tickets'))).toEqual([])
})

test('another process counts as long as it lives, and no longer', async () => {
  const paths = pathsAt('processes')
  const script = join(dir, 'holder.ts')
  const schedule = join(import.meta.dirname, 'schedule.ts')
  writeFileSync(
    script,
    `import { takePlace } from ${JSON.stringify(schedule)}
     await takePlace(${JSON.stringify(paths)}, ${JSON.stringify(all)}, { stop: new AbortController().signal, onWait: () => undefined })
     console.log('held')
     setInterval(() => undefined, 1000)`,
  )
  const holder = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(holder.stdout, 'data')
  const waiting = takePlace(paths, all, { stop, onWait: () => undefined })
  expect(await Promise.race([waiting, sleep(300, 'waits')])).toBe('waits')
  holder.kill('SIGKILL')
  using place = await waiting
  expect(place.crowded).toBe(true)
})

test('whoever is about to take a place may be earlier: he is waited for, if he lives', async () => {
  const paths = pathsAt('drafts')
  const tickets = join(paths.runtime, 'tickets')
  mkdirSync(tickets, { recursive: true })
  const living = processIdentity(process.pid)
  const draft = (pid: number | undefined) =>
    join(tickets, `.${pid}.${living?.startTicks}.${newId(6)}`)
  // Killed on its way.
  writeFileSync(draft(2 ** 22), '{')
  const drawn = process.hrtime.bigint()
  const mine = draft(living?.pid)
  writeFileSync(mine, '')
  const taken = takePlace(paths, all, { stop, onWait: () => undefined })
  expect(await Promise.race([taken, sleep(100, 'waits')])).toBe('waits')
  // The other one had drawn his number before, and hangs it up now.
  writeFileSync(mine, JSON.stringify({ claim: all, owner: living }))
  const earlier = join(tickets, `${String(drawn).padStart(20, '0')}-other`)
  renameSync(mine, earlier)
  expect(await Promise.race([taken, sleep(100, 'waits')])).toBe('waits')
  rmSync(earlier)
  const place = await taken
  place[Symbol.dispose]()
  expect(readdirSync(tickets)).toEqual([])
})

test('who gives up gives his place back', async () => {
  const paths = pathsAt('giving-up')
  using _first = await takePlace(paths, all, { stop, onWait: () => undefined })
  const tired = new AbortController()
  const waiting = takePlace(paths, all, { stop: tired.signal, onWait: () => tired.abort('enough') })
  await expect(waiting).rejects.toBe('enough')
  expect(readdirSync(join(paths.runtime, 'tickets'))).toHaveLength(1)
})
