import { ProtocolError } from './codec.ts'
import { lineOf } from './guest-text.ts'
import {
  EXEC_TTY,
  OUTPUT_WINDOW,
  STDIN_WINDOW,
  type GuestMessage,
  type HostMessage,
} from './protocol.ts'

export interface ExecRequest {
  readonly argv: readonly (string | Uint8Array)[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  readonly user: { readonly uid: number; readonly gid: number; readonly groups: readonly number[] }
  /** A terminal of that size; without it, three pipes. */
  readonly tty?: { readonly rows: number; readonly cols: number }
  /** Rows of [RLIMIT number, soft, hard]. */
  readonly limits?: readonly (readonly [number, bigint, bigint])[]
}

/** SIGRTMAX: there are no more, and 128 of them would make an exit code of 0. */
const MAX_SIGNAL = 64

type Sink = (chunk: Buffer) => Promise<void> | void

export interface ExecSinks {
  readonly stdout: Sink
  readonly stderr: Sink
  /** The facts of a file that is read. */
  readonly file?: (facts: { mode: number; size: number }) => void
}

export type ExecEnd =
  | {
      readonly kind: 'exited'
      readonly code: number
      readonly maxRssKiB: number
      readonly cpuMs: number
    }
  | {
      readonly kind: 'signalled'
      readonly signal: number
      readonly maxRssKiB: number
      readonly cpuMs: number
    }
  /** The command never ran: the step that failed, and why. */
  | { readonly kind: 'not-started'; readonly errno: number; readonly step: string }
  /** The agent is gone. */
  | { readonly kind: 'lost' }

/** One command in the guest, seen from here. */
export class Execution {
  readonly #stream: number
  readonly #sinks: ExecSinks
  readonly #send: (message: HostMessage) => Promise<void>
  readonly #ended = Promise.withResolvers<ExecEnd>()
  readonly #started = Promise.withResolvers<void>()
  #stdinCredit = STDIN_WINDOW
  #creditCame = Promise.withResolvers<void>()
  #over = false
  /** Output that the guest may still send, and that is on its way through a sink. */
  readonly #outputs = {
    stdout: { fd: 1, allowed: OUTPUT_WINDOW, taken: 0, queue: Promise.resolve() },
    stderr: { fd: 2, allowed: OUTPUT_WINDOW, taken: 0, queue: Promise.resolve() },
  }

  constructor(stream: number, sinks: ExecSinks, send: (message: HostMessage) => Promise<void>) {
    this.#stream = stream
    this.#sinks = sinks
    this.#send = send
  }

  /** How it ended, when all its output has been taken by the sinks. Never rejects. */
  get ended(): Promise<ExecEnd> {
    return this.#ended.promise
  }

  /** Resolves when the command runs, or has failed to. */
  get started(): Promise<void> {
    return this.#started.promise
  }

  /** Sends input, at the speed at which the command takes it. Input for an ended command is dropped. */
  async send(data: Uint8Array): Promise<void> {
    for (let at = 0; at < data.length && !this.#over;) {
      if (this.#stdinCredit === 0) {
        await this.#creditCame.promise
        continue
      }
      const part = data.subarray(at, at + Math.min(this.#stdinCredit, 256 * 1024))
      this.#stdinCredit -= part.length
      at += part.length
      await this.#send({ name: 'stdin', stream: this.#stream, data: part })
    }
  }

  /** Nothing that is sent arrives any more. */
  get isOver(): boolean {
    return this.#over
  }

  endInput(): void {
    void this.#send({ name: 'stdin', stream: this.#stream, data: new Uint8Array() })
  }

  signal(number: number): void {
    void this.#send({ name: 'signal', stream: this.#stream, number })
  }

  resize(rows: number, cols: number): void {
    void this.#send({ name: 'resize', stream: this.#stream, rows, cols })
  }

  /** Resolves when all output received so far has been taken. */
  async flushed(): Promise<void> {
    await Promise.all([this.#outputs.stdout.queue, this.#outputs.stderr.queue])
  }

  /** A message of the agent for this stream. Throws ProtocolError when the guest sends more than it may. */
  receive(message: GuestMessage): void {
    switch (message.name) {
      case 'started':
        this.#started.resolve()
        return
      case 'stdout':
      case 'stderr':
        this.#take(
          message.name,
          Buffer.from(message.data.buffer, message.data.byteOffset, message.data.length),
        )
        return
      case 'file':
        this.#sinks.file?.({ mode: message.mode & 0o7777, size: Number(message.size) })
        return
      case 'credit':
        if (message.bytes > STDIN_WINDOW - this.#stdinCredit) {
          throw new ProtocolError('the guest granted more input than was sent to it')
        }
        this.#stdinCredit += message.bytes
        this.#wakeSender()
        return
      case 'exited': {
        if (message.signal > MAX_SIGNAL)
          throw new ProtocolError(`the guest says that signal ${message.signal} ended a command`)
        const usage = { maxRssKiB: Number(message.maxRssKiB), cpuMs: Number(message.cpuMs) }
        this.#end(
          message.signal > 0
            ? { kind: 'signalled', signal: message.signal, ...usage }
            : { kind: 'exited', code: message.code & 0xff, ...usage },
        )
        return
      }
      case 'done':
        this.#end({
          kind: 'not-started',
          errno: message.errno,
          step: lineOf(message.what),
        })
        return
      case 'ready':
      case 'pong':
        throw new ProtocolError(`the guest sent ${message.name} for a command`)
    }
  }

  /** The VM is gone: whoever waits is told. */
  abandon(): void {
    this.#end({ kind: 'lost' })
  }

  #take(name: 'stdout' | 'stderr', chunk: Buffer): void {
    const output = this.#outputs[name]
    output.allowed -= chunk.length
    if (output.allowed < 0)
      throw new ProtocolError('the guest sent more output than it was allowed to')
    if (chunk.length === 0) return
    output.queue = output.queue.then(async () => {
      await this.#sinks[name](chunk)
      output.taken += chunk.length
      if (output.taken < OUTPUT_WINDOW / 4 || this.#over) return
      output.allowed += output.taken
      void this.#send({ name: 'credit', stream: this.#stream, fd: output.fd, bytes: output.taken })
      output.taken = 0
    })
    // A sink that fails (a closed pipe) has its own way of being noticed.
    output.queue = output.queue.catch(() => undefined)
  }

  #end(end: ExecEnd): void {
    if (this.#over) return
    this.#over = true
    this.#wakeSender()
    this.#started.resolve()
    void this.flushed().then(() => this.#ended.resolve(end))
  }

  #wakeSender(): void {
    this.#creditCame.resolve()
    this.#creditCame = Promise.withResolvers<void>()
  }
}

/** The frame that starts a command. */
export function execMessage(stream: number, request: ExecRequest): HostMessage {
  const { argv, env, cwd, user, tty, limits = [] } = request
  return {
    name: 'exec',
    stream,
    flags: tty ? EXEC_TTY : 0,
    uid: user.uid,
    gid: user.gid,
    rows: tty?.rows ?? 0,
    cols: tty?.cols ?? 0,
    cwd: Buffer.from(cwd),
    groups: user.groups,
    limits: limits.flatMap(([number, soft, hard]) => [BigInt(number), soft, hard]),
    argv: argv.map((argument) => Buffer.from(argument as string)),
    env: Object.entries(env).map(([name, value]) => Buffer.from(`${name}=${value}`)),
  }
}
