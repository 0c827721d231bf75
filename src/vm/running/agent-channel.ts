import type { Socket } from 'node:net'
import { join } from 'node:path'

import { listenForOne, type Listener } from '../../host/index.ts'
import type { Qmp } from './qmp.ts'
import { AGENT_PORT } from './reset-watch.ts'

/** The channel to the agent. Each boot of a guest has one of its own: half a frame of the last one would spoil it. */
export class AgentChannel implements AsyncDisposable {
  readonly #qmp: Qmp
  readonly #socketDir: string
  /** Of the last renewal: a guest may reset as often as it likes. */
  #listener: Listener | undefined
  #socket: Socket
  #count = 0
  #isRenewing = false
  /** Of several resets in a row, each waits for the one before. */
  #renewing: Promise<unknown> = Promise.resolve()

  constructor(parts: { socket: Socket; qmp: Qmp; socketDir: string }) {
    this.#socket = parts.socket
    this.#qmp = parts.qmp
    this.#socketDir = parts.socketDir
  }

  get socket(): Socket {
    return this.#socket
  }

  /** Whether the agent of this boot has said something. */
  get hasSpoken(): boolean {
    return !this.#isRenewing && this.#socket.bytesRead > 0
  }

  /** Lets QEMU connect anew, and ends the connection of before. Throws InfraError when QEMU is gone or refuses. */
  renew(): Promise<Socket> {
    const before = this.#socket
    this.#isRenewing = true
    const renewed = this.#renewing.then(() => this.#connect())
    // Its owner is told first that there is another.
    this.#renewing = renewed.then(
      () => before.destroy(),
      () => before.destroy(),
    )
    return renewed
  }

  async #connect(): Promise<Socket> {
    const path = join(this.#socketDir, `agent-${++this.#count}`)
    const before = this.#listener
    const listener = await listenForOne(path)
    this.#listener = listener
    await before?.[Symbol.asyncDispose]()
    const addr = { type: 'unix', data: { path } }
    const backend = { type: 'socket', data: { addr, server: false } }
    await this.#qmp.execute('chardev-change', { id: AGENT_PORT, backend })
    this.#socket = await listener.connected
    this.#isRenewing = false
    return this.#socket
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#listener?.[Symbol.asyncDispose]()
  }
}
