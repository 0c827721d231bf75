import type { Socket } from 'node:net'

import { InfraError } from '../base/index.ts'
import { encode, FrameReader, ProtocolError } from './codec.ts'
import { AgentLost, checkDone, errnoName } from './failures.ts'
import { lineOf, linesOf } from './guest-text.ts'
import { Execution, type ExecRequest, type ExecSinks, execMessage } from './execution.ts'
import {
  MOUNT_FLAGS,
  MOUNT_KINDS,
  PROTOCOL_VERSION,
  type GuestMessage,
  type HostMessage,
} from './protocol.ts'

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
  /** Of a `cow` mount: files that stand over those of the export, by their path in it (`etc/hosts`), with their content. */
  readonly files?: ReadonlyMap<string, string>
}

/** What the guest's interface becomes. */
export interface GuestNet {
  /** `10.0.2.15`. */
  readonly address: string
  readonly prefix: number
  readonly gateway?: string
  /** `52:54:00:12:34:56`. */
  readonly mac: string
  /** The one by which the guest knows the card so far: that of its template. The same as `mac` when absent. */
  readonly knownAs?: string
}

export interface FileAttributes {
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

type Done = Extract<GuestMessage, { name: 'done' }>

/** What a stream number stands for on our side. */
export interface StreamOwner {
  /** A message of the agent for this stream. May throw ProtocolError. */
  receive(message: GuestMessage): void
  /** The VM is gone. */
  abandon(): void
}

/** The conversation with the guest agent. Everything that comes from the guest is checked; nothing is believed. */
export class Agent {
  readonly #socket: Socket
  readonly #reader = new FrameReader('guest')
  readonly #owners = new Map<number, StreamOwner>()
  readonly #waiting = new Map<number, PromiseWithResolvers<GuestMessage>>()
  #nextStream = 1
  #lastOutputAt = Date.now()
  /** When the conversation is over: why. */
  #end: AgentLost | undefined
  /** Settles when the channel, which is full, takes more. */
  #drained: Promise<void> | undefined
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

  /** When a command last printed something (Date.now()). */
  get lastOutputAt(): number {
    return this.#lastOutputAt
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
      release: lineOf(answer.release),
      uptimeMs: Number(answer.uptimeMs),
      notes: linesOf(answer.notes),
    }
  }

  /** Sets the guest's clock to ours, gives it random bytes of its own, and a name. */
  greet(hostname: string, random: Uint8Array, now: number): void {
    const seconds = BigInt(Math.floor(now / 1000))
    void this.send({ name: 'clock', stream: 0, seconds, nanos: (now % 1000) * 1_000_000 })
    void this.send({ name: 'entropy', stream: 0, data: random })
    void this.send({ name: 'hostname', stream: 0, hostname: bytes(hostname) })
  }

  /** Mounts an export. Throws InfraError naming the step that failed. */
  async mount(request: MountRequest): Promise<void> {
    const { transport, tag, target, mode, options, files = new Map() } = request
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
      files: [...files].flat().map(bytes),
    }))
    if (done.errno === 0) return
    throw new InfraError(
      'MOUNT',
      `the guest could not mount ${transport} as ${place}: ${lineOf(done.what)}: ${errnoName(done.errno)}`,
    )
  }

  /** A stream number for a conversation that somebody else holds; `release` gives it back. */
  open(owner: StreamOwner): { readonly stream: number; readonly release: () => void } {
    const stream = this.#nextStream++
    this.#own(stream, owner)
    return { stream, release: () => void this.#owners.delete(stream) }
  }

  /** Gives the guest's network interface an address. Throws InfraError naming the step that failed. */
  async configureNet(net: GuestNet): Promise<void> {
    const { address, prefix, gateway, mac, knownAs = mac } = net
    const done = await this.#request((stream) => ({
      ...{ name: 'net', stream, prefix, mac: macBytes(mac), knownAs: macBytes(knownAs) },
      address: numberOf(address),
      gateway: gateway === undefined ? 0 : numberOf(gateway),
    }))
    if (done.errno === 0) return
    throw new InfraError(
      'MOUNT',
      `the guest could not configure its network: ${lineOf(done.what)}: ${errnoName(done.errno)}`,
    )
  }

  /** Starts a command. What it prints goes to the sinks, each chunk acknowledged when the sink has taken it. */
  exec(request: ExecRequest, sinks: ExecSinks): Execution {
    const stream = this.#nextStream++
    const execution = new Execution(stream, sinks, (message) => this.send(message))
    this.#own(stream, execution)
    void execution.ended.then(() => this.#owners.delete(stream))
    void this.send(execMessage(stream, request))
    return execution
  }

  /** Writes a file in the guest, by way of a temporary one. Throws GuestFileError, and what reading the data throws: then the file is as it was. */
  async put(
    path: string,
    data: AsyncIterable<Uint8Array> | Uint8Array,
    attributes: FileAttributes,
  ): Promise<void> {
    const transfer = this.#transfer(noSinks)
    const { mode, uid, gid } = attributes
    void this.send({ name: 'put', stream: transfer.stream, mode, uid, gid, path: bytes(path) })
    // A refusal comes before all has been sent.
    try {
      await Promise.race([transfer.answer, sendAll(transfer.execution, data)])
    } catch (error) {
      void this.send({ name: 'cancel', stream: transfer.stream })
      throw error
    }
    checkDone('write', path, await transfer.answer)
  }

  /** Reads a file of the guest, chunk by chunk; `onFacts` comes first. Throws GuestFileError. */
  async get(
    path: string,
    sink: (chunk: Buffer) => Promise<void> | void,
    onFacts: (facts: { mode: number; size: number }) => void = () => undefined,
  ): Promise<void> {
    const transfer = this.#transfer({ stdout: sink, stderr: () => undefined, file: onFacts })
    void this.send({ name: 'get', stream: transfer.stream, path: bytes(path) })
    const done = await transfer.answer
    await transfer.execution.flushed()
    checkDone('read', path, done)
  }

  /** What a path of the guest is; undefined if nothing is there. */
  async kindOf(path: string): Promise<'directory' | 'file' | 'other' | undefined> {
    const done = await this.#request((stream) => ({ name: 'stat', stream, path: bytes(path) }))
    if (done.errno !== 0) return undefined
    const kind = lineOf(done.what)
    return kind === 'directory' || kind === 'file' ? kind : 'other'
  }

  /** All that is below a directory of the guest, each with its mode. Throws GuestFileError. */
  async list(path: string, maxBytes: number): Promise<{ path: string; mode: number }[]> {
    const chunks: Buffer[] = []
    let bytesSeen = 0
    const transfer = this.#transfer({
      stdout: (chunk) => {
        // A hostile guest may list for ever.
        if ((bytesSeen += chunk.length) <= maxBytes) chunks.push(Buffer.from(chunk))
      },
      stderr: () => undefined,
    })
    void this.send({ name: 'list', stream: transfer.stream, path: bytes(path) })
    const done = await transfer.answer
    await transfer.execution.flushed()
    checkDone('list', path, done)
    return Buffer.concat(chunks)
      .toString('utf8')
      .split('\0')
      .flatMap((record) => {
        const [, mode, name] = /^([0-7]+) ([^]+)$/.exec(record) ?? []
        return mode === undefined || name === undefined
          ? []
          : [{ mode: Number.parseInt(mode, 8), path: name }]
      })
  }

  #transfer(sinks: ExecSinks) {
    const stream = this.#nextStream++
    const execution = new Execution(stream, sinks, (message) => this.send(message))
    this.#own(stream, execution)
    const answer = this.#answer(stream).finally(() => {
      // What is sent from now on is dropped.
      this.#owners.delete(stream)
      execution.abandon()
    })
    return { stream, execution, answer }
  }

  /** Writes back what read-write shares still hold in the guest's memory. */
  async sync(): Promise<void> {
    await this.#request((stream) => ({ name: 'sync', stream }))
  }

  /** Asks the guest to end; it does not answer. */
  powerOff(): void {
    void this.send({ name: 'poweroff', stream: 0 })
  }

  /** Resolves when the agent has answered: the guest's user space is alive. */
  async ping(): Promise<void> {
    await this.#ask((stream) => ({ name: 'ping', stream, token: BigInt(stream) }))
  }

  /** Sends a message as it is; resolves when the channel takes more. */
  send(message: HostMessage): Promise<void> {
    if (this.#socket.destroyed) return Promise.resolve()
    if (this.#socket.write(encode(message))) return Promise.resolve()
    // One pair of listeners for all that wait.
    this.#drained ??= new Promise((resolve) => {
      const settle = () => {
        this.#socket.off('drain', settle)
        this.#socket.off('close', settle)
        this.#drained = undefined
        resolve()
      }
      this.#socket.once('drain', settle)
      this.#socket.once('close', settle)
    })
    return this.#drained
  }

  /** Nobody waits for an agent that is gone. */
  #own(stream: number, owner: StreamOwner): void {
    if (this.#end) queueMicrotask(() => owner.abandon())
    else this.#owners.set(stream, owner)
  }

  #ask(make: (stream: number) => HostMessage): Promise<GuestMessage> {
    const stream = this.#nextStream++
    const answer = this.#answer(stream)
    void this.send(make(stream))
    return answer
  }

  #answer(stream: number): Promise<GuestMessage> {
    const answer = Promise.withResolvers<GuestMessage>()
    if (this.#end) answer.reject(this.#end)
    else this.#waiting.set(stream, answer)
    // Whoever asked may have stopped waiting when the VM ends.
    answer.promise.catch(() => undefined)
    return answer.promise
  }

  async #request(make: (stream: number) => HostMessage): Promise<Done> {
    const answer = await this.#ask(make)
    if (answer.name === 'done') return answer
    throw new InfraError('AGENT', `the guest agent answered ${answer.name} where it owed done`)
  }

  #receive(message: GuestMessage): void {
    if (message.name === 'stdout' || message.name === 'stderr') this.#lastOutputAt = Date.now()
    const waiting = this.#waiting.get(message.stream)
    switch (message.name) {
      case 'ready':
      case 'pong':
      case 'done':
        this.#waiting.delete(message.stream)
        waiting?.resolve(message)
        if (!waiting) this.#owners.get(message.stream)?.receive(message)
        return
      case 'started':
      case 'stdout':
      case 'stderr':
      case 'credit':
      case 'exited':
      case 'file':
        // A frame for a stream that has ended, or that never was, is nobody's.
        this.#owners.get(message.stream)?.receive(message)
    }
  }

  #endAll(cause: ProtocolError | undefined): void {
    const end = new AgentLost(cause)
    this.#end = end
    for (const owner of this.#owners.values()) owner.abandon()
    this.#owners.clear()
    for (const { reject } of this.#waiting.values()) reject(end)
    this.#waiting.clear()
  }
}

const noSinks: ExecSinks = { stdout: () => undefined, stderr: () => undefined }

async function sendAll(
  execution: Execution,
  data: AsyncIterable<Uint8Array> | Uint8Array,
): Promise<void> {
  for await (const chunk of data instanceof Uint8Array ? [data] : data) {
    await execution.send(chunk)
    // The rest of a large file need not be read.
    if (execution.isOver) return
  }
  execution.endInput()
}

function bytes(value: string): Buffer {
  return Buffer.from(value, 'utf8')
}

function macBytes(mac: string): Buffer {
  return Buffer.from(mac.replaceAll(':', ''), 'hex')
}

/** An IPv4 address as one number, the first byte highest. */
function numberOf(address: string): number {
  return Buffer.from(address.split('.').map(Number)).readUInt32BE(0)
}
