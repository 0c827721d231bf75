import { once } from 'node:events'
import { expect, test } from 'vitest'

import { klab, startKlab } from '../support/klab.ts'
import { testTree } from '../support/kernels.ts'

/** A run whose command waits for a file in the guest; its id. */
async function waitingRun(...options: string[]) {
  const script = 'echo begun; echo heard >&2; while [ ! -e /tmp/go ]; do sleep 0.05; done; exit 9'
  const args = ['run', '--events', ...options, '--user', 'root', '--tree', testTree()]
  const child = startKlab([...args, '--', 'sh', '-c', script])
  child.stderr?.resume()
  let id = ''
  const announced = Promise.withResolvers<string>()
  child.stdout?.on('data', (chunk: Buffer) => {
    id = /"kind":"run","id":"(\w+)"/.exec(chunk.toString())?.[1] ?? id
    if (chunk.toString().includes('"phase":"command"')) announced.resolve(id)
  })
  const exited = once(child, 'close')
  return { id: await announced.promise, exited }
}

/** It is announced a moment after its command has begun. */
async function seen(id: string): Promise<void> {
  for (;;) {
    const names = (await klab(['ps', '-q'])).stdout.split('\n')
    if (names.includes(`run-${id}`)) return
  }
}

test('a run that goes on is seen, entered, looked into and waited for from elsewhere', async () => {
  const { id, exited } = await waitingRun()
  await seen(id)
  expect((await klab(['status', id])).stdout).toMatch(/running[^]*guest: answers/)
  expect(await klab(['exec', id, '--', 'hostname'])).toMatchObject({
    ...{ code: 0, stdout: `klab-${id}\n` },
  })
  const inspected = await klab(['inspect', `run-${id}`, '--tasks'])
  expect(inspected.stdout).toMatch(/\[kthreadd\]/)
  const waiting = klab(['wait', id])
  // The run ends with its file, and takes the VM along: not before the shell has said how it ended.
  const later = "setsid sh -c 'sleep 1; touch /tmp/go' < /dev/null > /dev/null 2>&1 &"
  const entered = await klab(['attach', id, '--user', 'root'], { input: `${later} exit 3\n` })
  expect(entered.code).toBe(3)
  expect(await exited).toEqual([9, null])
  expect(await waiting).toMatchObject({ code: 9, stdout: 'exited 9\n' })
  expect((await klab(['ps', '-q'])).stdout).not.toContain(id)
  expect((await klab(['attach', id])).stderr).toContain(`there is no VM ${id}`)
  // What it printed, and with what it was started, is kept.
  expect(await klab(['runs', 'show', id, '--output'])).toMatchObject({
    ...{ stdout: 'begun\n', stderr: 'heard\n' },
  })
  expect((await klab(['runs', 'show', id, '--show-qemu'])).stdout).toMatch(/^\S*qemu.* -machine /)
})

test('a run is ended by its name', async () => {
  const { id, exited } = await waitingRun()
  await seen(id)
  expect((await klab(['stop', id])).code).toBe(0)
  expect(await exited).toEqual([143, null])
  expect(JSON.parse((await klab(['runs', 'show', id, '--json'])).stdout).outcome).toMatchObject({
    ...{ kind: 'signalled', signal: 'SIGTERM' },
  })
})

test('what each event is of is in it', async () => {
  const { stdout } = await klab(['run', '--events', '--tree', testTree(), '--', 'true'])
  const events = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { kind: string; run?: string })
  const id = events.find(({ kind }) => kind === 'run')?.run
  expect(id).toMatch(/^\w{8}$/)
  const of = events.filter(({ kind }) => !['build', 'kernel'].includes(kind))
  expect(of.map(({ run }) => run)).toEqual(of.map(() => id))
  expect(of.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['qemu', 'phase', 'outcome']))
})
