import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'

import { InfraError, isRecord, tryDecodeJson } from '../../base/index.ts'
import { Patience } from '../../host/index.ts'

export interface QmpEvent {
  readonly event: string
  readonly data: Readonly<Record<string, unknown>>
}

/** A line longer than this is not QMP. */
const MAX_LINE = 16 * 1024 * 1024

/** QEMU answers at once what it is asked here, even when its guest hangs; one that does not is stopped, or hangs itself. */
const ANSWER_LIMIT_MS = 30_000

type Answer = Readonly<Record<string, unknown>>

/** QEMU's machine protocol (docs/interop/qmp-spec): JSON lines, one client. */
export class Qmp extends EventEmitter<{ event: [QmpEvent]; closed: [] }> {
  readonly #socket: Socket
  readonly #pid: number | undefined
  readonly #pending = new Map<number, (answer: Answer) => void>()
  readonly #greeted = Promise.withResolvers<void>()
  #text = ''
  #nextId = 1
  #closed = false

  /** `pid`: QEMU's process, to tell whether it is stopped. */
  constructor(socket: Socket, pid?: number) {
    super()
    this.#socket = socket
    this.#pid = pid
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => this.#read(chunk))
    socket.once('close', () => {
      this.#closed = true
      this.#greeted.resolve()
      for (const settle of this.#pending.values()) settle({ error: { desc: 'QEMU is gone' } })
      this.#pending.clear()
      this.emit('closed')
    })
  }

  /** Ends the negotiation; before it QEMU takes no command. */
  async negotiate(): Promise<void> {
    await this.#greeted.promise
    await this.execute('qmp_capabilities')
  }

  /** Runs a command and returns what it returns. Throws InfraError with QEMU's own words, or when it has none in that time. */
  async execute(
    command: string,
    args: Readonly<Record<string, unknown>> = {},
    limitMs = ANSWER_LIMIT_MS,
  ): Promise<unknown> {
    if (this.#closed) throw new InfraError('QMP', `cannot ${command}: QEMU is gone`)
    const id = this.#nextId++
    const answer = new Promise<Answer>((resolve) => this.#pending.set(id, resolve))
    this.#socket.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`)
    using patience = new Patience({ what: 'QEMU', pid: this.#pid }, limitMs)
    const late = (why: string) =>
      new InfraError('QMP_SILENT', `QEMU does not answer (${command}): ${why}`)
    try {
      return valueOf(command, await patience.for(answer, late))
    } finally {
      this.#pending.delete(id)
    }
  }

  #read(chunk: string): void {
    this.#text += chunk
    const lines = this.#text.split('\n')
    this.#text = lines.pop() ?? ''
    if (this.#text.length > MAX_LINE) this.#socket.destroy()
    for (const line of lines) if (line.trim() !== '') this.#handle(line)
  }

  #handle(line: string): void {
    const message = tryDecodeJson(line, isRecord)
    if (!message) {
      this.#socket.destroy()
      return
    }
    if ('QMP' in message) this.#greeted.resolve()
    else if (typeof message['event'] === 'string') {
      const { data } = message
      this.emit('event', { event: message['event'], data: isRecord(data) ? data : {} })
    } else this.#pending.get(Number(message['id']))?.(message)
  }
}

/** What QEMU has answered. Throws InfraError with its own words. */
function valueOf(command: string, { error, return: value }: Answer): unknown {
  if (error === undefined) return value
  throw new InfraError(
    'QMP',
    `QEMU refused ${command}: ${isRecord(error) ? String(error['desc']) : 'it does not say why'}`,
  )
}
