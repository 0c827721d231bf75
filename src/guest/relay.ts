import { setTimeout as sleep } from 'node:timers/promises'
import { constants } from 'node:os'
import type { Socket } from 'node:net'

import type { Agent, StreamOwner } from './agent.ts'
import { encode, FrameReader, ProtocolError } from './codec.ts'
import { OUTPUT_WINDOW, type GuestMessage, type HostMessage, type MessageName } from './protocol.ts'

/** What a client may ask of a guest that others use as well. */
const FROM_CLIENTS: readonly MessageName[] = [
  ...(['exec', 'stdin', 'credit', 'resize', 'signal'] as const),
  ...(['put', 'get', 'cancel', 'stat', 'ping', 'sync'] as const),
]
/** What opens a stream; the rest is about one that is open. */
const OPENERS: readonly MessageName[] = ['exec', 'put', 'get', 'stat', 'ping', 'sync']
/** What ends one. */
const ENDINGS: readonly MessageName[] = ['exited', 'done', 'pong']

/** How long a command has to take a hang-up, once its client is gone. */
const HANG_UP_MS = 3_000
/** A client that reads nothing is let go before it costs this much memory. */
const MAX_UNREAD = 64 * 1024 * 1024

/**
 * Lets a client talk with the agent as if it were alone: it speaks the same protocol with stream numbers of its own.
 * Commands whose client goes away are hung up, as a terminal would.
 */
export function relay(agent: Agent, client: Socket): void {
  const relayed: Relayed = { agent, client, streams: new Map() }
  const reader = new FrameReader('host')
  client.on('data', (chunk: Buffer) => {
    try {
      for (const message of reader.push(chunk)) forward(relayed, message)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      client.destroy()
    }
  })
  client.on('error', () => undefined)
  // The connection ends with the agent, also while nothing is open.
  const end = agent.open({ receive: () => undefined, abandon: () => client.destroy() })
  client.once('close', () => {
    end.release()
    for (const stream of relayed.streams.values()) stream.hangUp()
  })
}

/** A client and what it has open, by its own numbers. */
interface Relayed {
  readonly agent: Agent
  readonly client: Socket
  readonly streams: Map<number, RelayedStream>
}

function forward(relayed: Relayed, message: HostMessage): void {
  const { client, streams } = relayed
  if (!FROM_CLIENTS.includes(message.name))
    throw new ProtocolError(`a client may not send ${message.name}`)
  let stream = streams.get(message.stream)
  if (!stream && OPENERS.includes(message.name)) {
    stream = new RelayedStream(relayed, message)
    streams.set(message.stream, stream)
  }
  const accepted = stream?.toGuest(message)
  if (accepted === undefined) return
  // The guest takes it slower than the client sends.
  client.pause()
  void accepted.then(() => client.resume())
}

/** One stream of a client, under another number at the guest. */
class RelayedStream implements StreamOwner {
  readonly #streams: Relayed['streams']
  readonly #agent: Agent
  readonly #client: Socket
  readonly #number: number
  readonly #isCommand: boolean
  readonly #channel: ReturnType<Agent['open']>
  /** What the guest may still send on stdout and stderr. */
  readonly #allowed = { stdout: OUTPUT_WINDOW, stderr: OUTPUT_WINDOW }
  #isOver = false
  #isHungUp = false

  constructor(relayed: Relayed, opener: HostMessage) {
    this.#streams = relayed.streams
    this.#agent = relayed.agent
    this.#client = relayed.client
    this.#number = opener.stream
    this.#isCommand = opener.name === 'exec'
    this.#channel = relayed.agent.open(this)
  }

  toGuest(message: HostMessage): Promise<void> {
    if (message.name === 'credit') {
      if (message.fd === 1) this.#allowed.stdout += message.bytes
      if (message.fd === 2) this.#allowed.stderr += message.bytes
    }
    return this.#agent.send({ ...message, stream: this.#channel.stream })
  }

  receive(message: GuestMessage): void {
    if (message.name === 'stdout' || message.name === 'stderr') {
      this.#allowed[message.name] -= message.data.length
      if (this.#allowed[message.name] < 0)
        throw new ProtocolError('the guest sent more output than it was allowed to')
      if (this.#isHungUp) this.#discard(message.name, message.data.length)
    }
    if (!this.#isHungUp) {
      this.#client.write(encode({ ...message, stream: this.#number }))
      if (this.#client.writableLength > MAX_UNREAD) this.#client.destroy()
    }
    if (ENDINGS.includes(message.name)) this.#end()
  }

  abandon(): void {
    this.#client.destroy()
    this.#end()
  }

  /** The client is gone. */
  hangUp(): void {
    if (this.#isOver || this.#isHungUp) return
    this.#isHungUp = true
    const { stream } = this.#channel
    if (!this.#isCommand) {
      void this.#agent.send({ name: 'cancel', stream })
      return
    }
    void this.#agent.send({ name: 'signal', stream, number: constants.signals.SIGHUP })
    void sleep(HANG_UP_MS, undefined, { ref: false }).then(() => {
      if (!this.#isOver)
        void this.#agent.send({ name: 'signal', stream, number: constants.signals.SIGKILL })
    })
  }

  #discard(name: 'stdout' | 'stderr', bytes: number): void {
    this.#allowed[name] += bytes
    const fd = name === 'stdout' ? 1 : 2
    void this.#agent.send({ name: 'credit', stream: this.#channel.stream, fd, bytes })
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#channel.release()
    this.#streams.delete(this.#number)
  }
}
