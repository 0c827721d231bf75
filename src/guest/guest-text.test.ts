import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { Agent } from './agent.ts'
import { encode, FrameReader } from './codec.ts'
import { PROTOCOL_VERSION, type GuestMessage } from './protocol.ts'

const RELEASE = { release: Buffer.from('6.1.0'), uptimeMs: 1n, version: PROTOCOL_VERSION }
const noSinks = { stdout: () => undefined, stderr: () => undefined }
const COMMAND = { argv: ['x'], env: {}, cwd: '/', user: { uid: 0, gid: 0, groups: [] } }

/** An agent that answers all that it is asked in one way. */
async function agentThat(answer: (stream: number) => GuestMessage) {
  const dir = mkdtempSync(join(tmpdir(), 'klab-agent-'))
  const server = createServer().listen(join(dir, 'socket'))
  const accepted = once(server, 'connection') as Promise<[Socket]>
  const agent = new Agent(connect(join(dir, 'socket')))
  const [guest] = await accepted
  const reader = new FrameReader('host')
  guest.on('error', () => undefined)
  guest.on('data', (chunk: Buffer) => {
    for (const { stream } of reader.push(chunk)) guest.write(encode(answer(stream)))
  })
  return {
    agent,
    [Symbol.dispose]() {
      guest.destroy()
      server.close()
      rmSync(dir, { recursive: true })
    },
  }
}

test('a guest that has much to say of itself is cut short', async () => {
  const notes = Array.from({ length: 12_000 }, () => Buffer.from('\u001b'))
  using told = await agentThat((stream) => ({ name: 'ready', stream, ...RELEASE, notes }))
  const facts = await told.agent.ready()
  expect(facts.notes).toHaveLength(17)
  expect([facts.notes[0], facts.notes.at(-1)]).toEqual(['\u001b', 'and 11984 more'])
})

test('a step of a guest is a line that can be read', async () => {
  const what = Buffer.from('x'.repeat(60_000))
  using told = await agentThat((stream) => ({ name: 'done', stream, errno: 2, what }))
  const end = await told.agent.exec(COMMAND, noSinks).ended
  expect(end).toEqual({ kind: 'not-started', errno: 2, step: `${'x'.repeat(300)}…` })
  await expect(told.agent.put('/f', Buffer.from(''), { mode: 0, uid: 0, gid: 0 })).rejects.toThrow(
    /^cannot write \/f in the guest: x{300}…: ENOENT$/,
  )
})

test('a signal that there is not makes no exit code', async () => {
  const usage = { code: 0, maxRssKiB: 1n, cpuMs: 1n }
  using told = await agentThat((stream) => ({ name: 'exited', stream, signal: 128, ...usage }))
  expect(await told.agent.exec(COMMAND, noSinks).ended).toEqual({ kind: 'lost' })
  expect((await told.agent.closed)?.message).toBe('the guest says that signal 128 ended a command')
})
