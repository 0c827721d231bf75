import { connect, type Socket } from 'node:net'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'

import { runSwitch } from './switch.ts'

/** A port of the switch, as QEMU would have it. */
class Station {
  readonly #socket: Socket
  received = Buffer.alloc(0)

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => (this.received = Buffer.concat([this.received, chunk])))
    socket.on('error', () => undefined)
  }

  static async at(path: string): Promise<Station> {
    const socket = connect(path)
    await once(socket, 'connect')
    return new Station(socket)
  }

  send(to: string, from: string, text: string): void {
    const frame = Buffer.concat([Buffer.from(`${to}${from}0800`, 'hex'), Buffer.from(text)])
    const length = Buffer.alloc(4)
    length.writeUInt32BE(frame.length)
    this.#socket.write(Buffer.concat([length, frame]))
  }

  sendRaw(bytes: Buffer): void {
    this.#socket.write(bytes)
  }

  get isClosed(): boolean {
    return this.#socket.destroyed
  }

  close(): void {
    this.#socket.destroy()
  }
}

const A = '520000000001'
const B = '520000000002'
const ALL = 'ffffffffffff'

test('a switch floods what it does not know, learns, and throws out who breaks the protocol', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'klab-switch-'))
  const path = join(dir, 'switch')
  const ready = Promise.withResolvers<void>()
  void runSwitch(path, ready.resolve)
  await ready.promise
  const [a, b, c] = [await Station.at(path), await Station.at(path), await Station.at(path)]
  a.send(ALL, A, 'who is b?')
  await sleep(50)
  expect(b.received.toString()).toContain('who is b?')
  expect(c.received.toString()).toContain('who is b?')
  expect(a.received.length).toBe(0)

  b.send(A, B, 'me')
  await sleep(50)
  expect(a.received.toString()).toContain('me')
  expect(c.received.toString()).not.toContain('me')

  a.send(B, A, 'for b alone')
  await sleep(50)
  expect(b.received.toString()).toContain('for b alone')
  expect(c.received.toString()).not.toContain('for b alone')

  c.sendRaw(Buffer.from('ffffffff00', 'hex'))
  await sleep(50)
  expect(c.isClosed).toBe(true)
  a.send(B, A, 'still there')
  await sleep(50)
  expect(b.received.toString()).toContain('still there')
  for (const station of [a, b]) station.close()
  rmSync(dir, { recursive: true })
})
