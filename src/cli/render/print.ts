import { pipeline } from 'node:stream/promises'

import {
  block,
  field,
  InfraError,
  json,
  messageOf,
  type Showable,
  type Shown,
} from '../../base/index.ts'

/**
 * One of our two streams. All that klab prints goes through here, and what is not `Shown` becomes one visible line: a command that
 * prints what a guest or a file says cannot forget it. Only terminal.ts writes past it, what a user's own command prints.
 */
class Printer {
  readonly #name: 'stdout' | 'stderr'

  constructor(name: 'stdout' | 'stderr') {
    this.#name = name
  }

  /** One line; several only of what is `Shown`. */
  line(text: Showable): void {
    // Not the stream itself: the console minds no reader that has gone.
    console[this.#name === 'stdout' ? 'log' : 'error'](String(field(text)))
  }

  json(value: unknown): void {
    this.line(json(value, 2))
  }

  /** On one line, as in NDJSON. */
  jsonLine(value: unknown): void {
    this.line(json(value))
  }

  /** Text whose lines are ended already, or go on. */
  part(text: Shown): void {
    this.#stream.write(String(text))
  }

  /** What was written down as it came: visible on a terminal, and byte by byte as it is for a file or a program, which may want to search it. */
  async recorded(source: Pieces): Promise<void> {
    try {
      await pipeline(this.isTerminal ? visibly(source) : source, this.#stream, { end: false })
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException
      if (!READER_GONE.includes(code)) throw error
    }
  }

  /** Whoever reads us and goes (`| head`) has seen enough. */
  mindNoReader(): void {
    const stream = this.#stream
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE' || stream.listenerCount('error') > 1) return
      throw new InfraError('OUTPUT', `cannot write to standard output: ${messageOf(error)}`)
    })
  }

  /** Whatever becomes of our reader ends the writing, and nothing else. */
  outliveReader(): void {
    this.#stream.on('error', () => undefined)
  }

  get isTerminal(): boolean {
    return this.#stream.isTTY
  }

  /** Characters that fit beside each other, without the last, which makes some terminals begin a new line. */
  get columns(): number {
    return (this.#stream.columns || 80) - 1
  }

  get #stream(): NodeJS.WriteStream {
    return process[this.#name]
  }
}

const READER_GONE = ['EPIPE', 'ERR_STREAM_PREMATURE_CLOSE']

/** What was asked for. */
export const out = new Printer('stdout')

/** What else klab has to say. */
export const err = new Printer('stderr')

type Pieces = AsyncIterable<Uint8Array> | Iterable<Uint8Array>

async function* visibly(source: Pieces): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let held = ''
  for await (const chunk of source) {
    const text = held + decoder.decode(chunk, { stream: true })
    // What ends a line may come in two pieces.
    const end = text.length - (/\r+$/.exec(text)?.[0].length ?? 0)
    held = text.slice(end)
    yield String(block(text.slice(0, end), Number.POSITIVE_INFINITY))
  }
  yield String(block(held + decoder.decode()))
}
