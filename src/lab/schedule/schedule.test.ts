import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, test, vi } from 'vitest'

import { newId } from '../../base/index.ts'
import { cpuCount, processIdentity } from '../../host/index.ts'
import { takePlace } from './schedule.ts'
import { TicketRack } from './ticket.ts'

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

/** Another klab, which tells when it has its place. */
function anotherKlab(paths: ReturnType<typeof pathsAt>, onTestFinished: (end: () => void) => void) {
  const script = join(dir, 'holder.ts')
  const schedule = join(import.meta.dirname, 'schedule.ts')
  writeFileSync(
    script,
    `import { takePlace } from ${JSON.stringify(schedule)}
     const all = ${JSON.stringify(all)}
     const onWait = () => console.log('waits')
     await takePlace(${JSON.stringify(paths)}, all, { stop: new AbortController().signal, onWait })
     console.log('held')
     setInterval(() => undefined, 1000)`,
  )
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => child.kill('SIGKILL'))
  return child
}

test('another process counts as long as it lives, and no longer', async ({ onTestFinished }) => {
  const paths = pathsAt('processes')
  const holder = anotherKlab(paths, onTestFinished)
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
  const names = readdirSync(join(paths.runtime, 'tickets'))
  expect(new Set(names.map((name) => name.replace('.in', ''))).size).toBe(1)
})

test('whoever is stopped loses his turn, takes another when he goes on, and is named', async ({
  onTestFinished,
}) => {
  const paths = pathsAt('stopped')
  const first = await takePlace(paths, all, { stop, onWait: () => undefined })
  const other = anotherKlab(paths, onTestFinished)
  const told: string[] = []
  other.stdout.setEncoding('utf8').on('data', (text: string) => told.push(text))
  await vi.waitUntil(() => told.length > 0, { timeout: 10_000 })
  other.kill('SIGSTOP')
  const said: string[] = []
  const second = takePlace(paths, all, { stop, onWait: (why) => said.push(why) })
  first[Symbol.dispose]()
  const place = await second
  expect(said.join('\n')).toContain(`(process ${other.pid}) is stopped; kill -CONT ${other.pid}`)
  other.kill('SIGCONT')
  // He has seen that it was his turn, or not yet: now it is ours.
  await sleep(1_500)
  expect(told.join('')).not.toContain('held')
  place[Symbol.dispose]()
  await vi.waitUntil(() => told.join('').includes('held'), { timeout: 10_000 })
  // One that has its place is waited for, and named.
  other.kill('SIGSTOP')
  const tired = new AbortController()
  const third = takePlace(paths, all, {
    stop: tired.signal,
    onWait: (why) => why.includes('kill -CONT') && tired.abort('told'),
  })
  await expect(third).rejects.toBe('told')
}, 60_000)

test('who is passed over before he has hung his ticket up hangs up another', () => {
  const rack = new TicketRack(pathsAt('passed-over'))
  const ticket = rack.take(all)
  rack.passOver(ticket)
  expect(rack.admit(ticket)).toBe(false)
  expect(readdirSync(rack.directory)).toEqual([])
  const again = rack.take(all)
  expect(rack.admit(again)).toBe(true)
  const later = rack.take(all)
  // Too late: it has its place.
  rack.passOver(again)
  expect(rack.before(later)).toMatchObject([{ name: again.name, isAdmitted: true }])
})
