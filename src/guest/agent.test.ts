import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'

import { InfraError } from '../base/index.ts'
import { Agent } from './agent.ts'
import { relay } from './relay.ts'

const dir = mkdtempSync(join(tmpdir(), 'klab-agent-'))
afterAll(() => rmSync(dir, { recursive: true }))
let count = 0

/** Two ends of a channel. */
async function channel(): Promise<[Socket, Socket]> {
  const path = join(dir, String(++count))
  const server = createServer().listen(path)
  await once(server, 'listening')
  const ours = connect(path)
  const [theirs] = (await once(server, 'connection')) as [Socket]
  server.close()
  // The other end may be gone first.
  for (const end of [ours, theirs]) end.on('error', () => undefined)
  return [ours, theirs]
}

const command = { argv: ['true'], env: {}, cwd: '/', user: { uid: 0, gid: 0, groups: [] } }
const attributes = { mode: 0o644, uid: 0, gid: 0 }
const sinks = { stdout: () => undefined, stderr: () => undefined }

test('an agent that is gone is waited for by nobody, whatever is asked of it then', async () => {
  const [ours, theirs] = await channel()
  const agent = new Agent(ours)
  theirs.destroy()
  await agent.closed
  const asked = [
    agent.ping(),
    agent.sync(),
    agent.put('/x', Buffer.from('x'), attributes),
    agent.get('/x', () => undefined),
  ]
  const late = sleep(1_000, 'never', { ref: false })
  for (const answer of asked) {
    const failure = await Promise.race([answer, late]).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(InfraError)
    expect(failure).toMatchObject({ message: 'the VM is gone' })
  }
  const execution = agent.exec(command, sinks)
  expect(await Promise.race([execution.ended, late])).toEqual({ kind: 'lost' })
  await execution.started
})

test('a client of an agent that is gone is let go', async () => {
  const [ours, theirs] = await channel()
  const agent = new Agent(ours)
  theirs.destroy()
  await agent.closed
  const [client, keepers] = await channel()
  const closed = once(client, 'close')
  client.resume()
  relay(agent, keepers)
  expect(await Promise.race([closed, sleep(1_000, 'never', { ref: false })])).not.toBe('never')
})

test('any number of those who send may wait for a guest that is slow', async () => {
  const [ours, theirs] = await channel()
  const agent = new Agent(ours)
  theirs.pause()
  const warnings: Error[] = []
  const onWarning = (warning: Error) => void warnings.push(warning)
  process.on('warning', onWarning)
  const chunk = Buffer.alloc(200_000)
  const sent = Array.from({ length: 40 }, (_, stream) =>
    agent.send({ name: 'stdin', stream, data: chunk }),
  )
  await sleep(50)
  theirs.resume()
  await Promise.all(sent)
  process.off('warning', onWarning)
  expect(warnings).toEqual([])
  theirs.destroy()
})
