import type { Socket } from 'node:net'
import { constants } from 'node:os'

import { InfraError } from '../base/index.ts'
import { encode, FrameReader, ProtocolError } from './codec.ts'
import { Execution, type ExecRequest, type ExecSinks, execMessage } from './execution.ts'
import { MOUNT_FLAGS, MOUNT_KINDS, PROTOCOL_VERSION, type Message } from './protocol.ts'

export interface AgentFacts {
  readonly release: string
  /** Guest uptime when the agent answered. */
  readonly uptimeMs: number
  /** What went wrong while the agent prepared the guest, one sentence each. */
  readonly notes: readonly string[]
}

export interface MountRequest {
  readonly transport: keyof typeof MOUNT_KINDS
  readonly tag: string
  /** `root` replaces `/`; otherwise an absolute path in the guest. */
  readonly target: 'root' | { readonly path: string }
  readonly mode: 'ro' | 'rw' | 'cow'
  readonly options: string
}

type Done = Extract<Message, { name: 'done' }>

/** The conversation is over: the guest broke the protocol (then `cause` says how), or the VM is gone. */
export class AgentLost extends Error {}

/** The conversation with the guest agent. Everything that comes from the guest is checked; nothing is believed. */
export class Agent {
  readonly #socket: Socket
  readonly #reader = new FrameReader()
  readonly #executions = new Map<number, Execution>()
  readonly #waiting = new Map<number, PromiseWithResolvers<Message>>()
  #nextStream = 1
  /** Settles when the conversation is over: with what the guest did wrong, or nothing when it just ended. */
  readonly closed: Promise<ProtocolError | undefined>

  constructor(socket: Socket) {
    this.#socket = socket
    this.closed = new Promise((resolve) => {
      socket.on('data', (chunk: Buffer) => {
        try {
          for (const message of this.#reader.push(chunk)) this.#receive(message)
        } catch (error) {
          if (!(error instanceof ProtocolError)) throw error
          resolve(error)
          socket.destroy()
        }
      })
      socket.once('close', () => resolve(undefined))
      // QEMU's end may close first; 'close' follows, and that is what counts.
      socket.on('end', () => socket.destroy())
    })
    void this.closed.then((error) => this.#endAll(error))
  }

  /** Waits until the agent answers; the caller has the deadline. Throws AgentLost, as all that asks does. */
  async ready(): Promise<AgentFacts> {
    const answer = await this.#ask((stream) => ({
      name: 'hello',
      stream,
      version: PROTOCOL_VERSION,
    }))
    if (answer.name !== 'ready' || answer.version !== PROTOCOL_VERSION) {
      throw new InfraError('AGENT', 'the guest agent speaks another version of the protocol')
    }
    return {
      release: text(answer.release),
      uptimeMs: Number(answer.uptimeMs),
      notes: answer.notes.map(text),
    }
  }

  /** Sets the guest's clock to ours, gives it random bytes of its own, and a name. */
  greet(hostname: string, random: Uint8Array, now: number): void {
    const seconds = BigInt(Math.floor(now / 1000))
    void this.#send({ name: 'clock', stream: 0, seconds, nanos: (now % 1000) * 1_000_000 })
    void this.#send({ name: 'entropy', stream: 0, data: random })
    void this.#send({ name: 'hostname', stream: 0, hostname: bytes(hostname) })
  }

  /** Mounts an export. Throws InfraError naming the step that failed. */
  async mount(request: MountRequest): Promise<void> {
    const { transport, tag, target, mode, options } = request
    const flags =
      (mode === 'ro' ? MOUNT_FLAGS.readOnly : 0) |
      (mode === 'cow' ? MOUNT_FLAGS.overlay : 0) |
      (target === 'root' ? MOUNT_FLAGS.root : 0)
    const place = target === 'root' ? '/' : target.path
    const done = await this.#request((stream) => ({
      name: 'mount',
      stream,
      kind: MOUNT_KINDS[transport],
      flags,
      tag: bytes(tag),
      target: bytes(place),
      options: bytes(options),
    }))
    if (done.errno === 0) return
    throw new InfraError(
      'MOUNT',
      `the guest could not mount ${transport} as ${place}: ${text(done.what)}: ${errnoName(done.errno)}`,
    )
  }

  /** Starts a command. What it prints goes to the sinks, each chunk acknowledged when the sink has taken it. */
  exec(request: ExecRequest, sinks: ExecSinks): Execution {
    const stream = this.#nextStream++
    const execution = new Execution(stream, sinks, (message) => this.#send(message))
    this.#executions.set(stream, execution)
    void execution.ended.then(() => this.#executions.delete(stream))
    void this.#send(execMessage(stream, request))
    return execution
  }

  /** Writes a file in the guest, by way of a temporary one. Throws InfraError. */
  async put(path: string, data: Uint8Array, mode = 0o644): Promise<void> {
    const stream = this.#nextStream++
    const transfer = new Execution(stream, noSinks, (message) => this.#send(message))
    this.#executions.set(stream, transfer)
    const answer = this.#answer(stream)
    void this.#send({ name: 'put', stream, mode, path: bytes(path) })
    const sent = transfer.send(data).then(() => transfer.endInput())
    const done = await answer
    this.#executions.delete(stream)
    if (done.name !== 'done' || done.errno !== 0) throw fileError('write', path, done)
    await sent
  }

  /** Reads a file of the guest, chunk by chunk. Throws InfraError. */
  async get(path: string, sink: (chunk: Buffer) => Promise<void> | void): Promise<void> {
    const stream = this.#nextStream++
    const sinks = { stdout: sink, stderr: () => undefined }
    const transfer = new Execution(stream, sinks, (message) => this.#send(message))
    this.#executions.set(stream, transfer)
    const answer = this.#answer(stream)
    void this.#send({ name: 'get', stream, path: bytes(path) })
    const done = await answer
    await transfer.flushed()
    this.#executions.delete(stream)
    if (done.name !== 'done' || done.errno !== 0) throw fileError('read', path, done)
  }

  /** Writes back what read-write shares still hold in the guest's memory. */
  async sync(): Promise<void> {
    await this.#request((stream) => ({ name: 'sync', stream }))
  }

  /** Resolves when the agent has answered: the guest's user space is alive. */
  async ping(): Promise<void> {
    await this.#ask((stream) => ({ name: 'ping', stream, token: BigInt(stream) }))
  }

  #send(message: Message): Promise<void> {
    if (this.#socket.destroyed) return Promise.resolve()
    if (this.#socket.write(encode(message))) return Promise.resolve()
    return new Promise((resolve) => {
      const settle = () => {
        this.#socket.off('drain', settle)
        this.#socket.off('close', settle)
        resolve()
      }
      this.#socket.once('drain', settle)
      this.#socket.once('close', settle)
    })
  }

  #ask(make: (stream: number) => Message): Promise<Message> {
    const stream = this.#nextStream++
    const answer = this.#answer(stream)
    void this.#send(make(stream))
    return answer
  }

  #answer(stream: number): Promise<Message> {
    const answer = Promise.withResolvers<Message>()
    this.#waiting.set(stream, answer)
    // Whoever asked may have stopped waiting when the VM ends.
    answer.promise.catch(() => undefined)
    return answer.promise
  }

  async #request(make: (stream: number) => Message): Promise<Done> {
    const answer = await this.#ask(make)
    if (answer.name === 'done') return answer
    throw new InfraError('AGENT', `the guest agent answered ${answer.name} where it owed done`)
  }

  #receive(message: Message): void {
    const waiting = this.#waiting.get(message.stream)
    switch (message.name) {
      case 'ready':
      case 'pong':
        this.#waiting.delete(message.stream)
        waiting?.resolve(message)
        return
      case 'done':
        this.#waiting.delete(message.stream)
        waiting?.resolve(message)
        if (!waiting) this.#executions.get(message.stream)?.receive(message)
        return
      default:
        // A frame for a stream that has ended, or that never was, is nobody's.
        this.#executions.get(message.stream)?.receive(message)
    }
  }

  #endAll(cause: ProtocolError | undefined): void {
    for (const execution of this.#executions.values()) execution.abandon()
    this.#executions.clear()
    for (const { reject } of this.#waiting.values()) {
      reject(new AgentLost(cause?.message ?? 'the VM is gone', { cause }))
    }
    this.#waiting.clear()
  }
}

const noSinks: ExecSinks = { stdout: () => undefined, stderr: () => undefined }

function fileError(verb: string, path: string, answer: Message): InfraError {
  const why =
    answer.name === 'done' ? `${text(answer.what)}: ${errnoName(answer.errno)}` : answer.name
  return new InfraError('GUEST_FILE', `cannot ${verb} ${path} in the guest: ${why}`)
}

/** `ENOENT`, or `errno 123` for one that this machine does not know. */
export function errnoName(number: number): string {
  const known = Object.entries(constants.errno).find(([, value]) => value === number)
  return known?.[0] ?? `errno ${number}`
}

function bytes(value: string): Buffer {
  return Buffer.from(value, 'utf8')
}

/** Text of the guest for people to read: control characters would reach their terminal. */
function text(value: Uint8Array): string {
  return Buffer.from(value)
    .toString('utf8')
    .replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '?')
}
