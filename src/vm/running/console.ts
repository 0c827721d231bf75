import { closeSync, openSync, writeSync } from 'node:fs'
import type { Socket } from 'node:net'

import { messageOf } from '../../base/index.ts'

/** What is kept of a console that never stops: the beginning in full, and of the rest the end. */
const HEAD_BYTES = 32 * 1024 * 1024
const TAIL_BYTES = 256 * 1024
/** A line that never ends is cut here for those who look at lines. */
const MAX_LINE = 4096

/** For whoever is attached. */
const MAX_UNREAD = 4 * 1024 * 1024

export interface ConsoleReader {
  /** Complete lines, without their ends and carriage returns. */
  lines(lines: readonly string[]): void
}

/** The guest's console: recorded from the first byte, bounded, and read by whoever asks. One reader of the socket. */
export class Console {
  readonly path: string
  /** Undefined when it cannot be recorded. */
  readonly #file: number | undefined
  readonly #readers: ConsoleReader[] = []
  readonly #first = Promise.withResolvers<void>()
  readonly #recent: string[] = []
  readonly #peers = new Set<Socket>()
  #socket: Socket | undefined
  #partial = ''
  #written = 0
  #tail = Buffer.alloc(0)
  #dropped = 0
  #isClosed = false
  readonly #closed = Promise.withResolvers<void>()
  #lastByteAt = Date.now()
  readonly #onLost: (why: string) => void
  #isLost = false

  /** `onLost`: it cannot be recorded any more, as when the disk is full; its readers still hear all of it. */
  constructor(path: string, onLost: (why: string) => void) {
    this.path = path
    this.#onLost = onLost
    try {
      this.#file = openSync(path, 'w', 0o600)
    } catch (error) {
      this.#lose(error)
    }
  }

  /** Resolves with the first byte. */
  get firstByte(): Promise<void> {
    return this.#first.promise
  }

  /** Resolves when no more comes. */
  get closed(): Promise<void> {
    return this.#closed.promise
  }

  get bytes(): number {
    return this.#written + this.#dropped + this.#tail.length
  }

  /** When it last said something (Date.now). */
  get lastByteAt(): number {
    return this.#lastByteAt
  }

  /** The last lines, an unfinished one included. */
  recentLines(count: number): string[] {
    return [...this.#recent, ...(this.#partial === '' ? [] : [this.#partial])].slice(-count)
  }

  addReader(reader: ConsoleReader): void {
    this.#readers.push(reader)
  }

  /** Shows a peer what the guest says from now on, and gives the guest what it sends. Returns what ends that. */
  attachPeer(peer: Socket): () => void {
    this.#peers.add(peer)
    peer.on('data', (chunk: Buffer) => void this.#socket?.write(chunk))
    return () => void this.#peers.delete(peer)
  }

  /** Gives the guest keys, as if somebody sat there. */
  type(keys: string): void {
    this.#socket?.write(keys)
  }

  attach(socket: Socket): void {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => this.take(chunk))
    socket.once('close', () => this.close())
  }

  /** Ends the recording; an unfinished last line is handed to the readers. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    if (this.#partial !== '') this.#publish([this.#partial])
    this.#partial = ''
    if (this.#dropped > 0)
      this.#write(Buffer.from(`\n[klab: ${this.#dropped} bytes of console dropped here]\n`))
    this.#write(this.#tail)
    if (this.#file !== undefined) closeSync(this.#file)
    this.#closed.resolve()
  }

  /** Records what the guest said, and hands complete lines to the readers. */
  take(chunk: Buffer): void {
    if (this.#isClosed) return
    this.#lastByteAt = Date.now()
    this.#first.resolve()
    this.#record(chunk)
    for (const peer of this.#peers) {
      // One that does not read misses some; the log has it all.
      if (peer.writableLength < MAX_UNREAD) peer.write(chunk)
    }
    // latin1: one byte is one character, so a torn UTF-8 sequence cannot swallow a line end.
    const pieces = (this.#partial + chunk.toString('latin1')).replaceAll('\r', '').split('\n')
    this.#partial = pieces.pop() ?? ''
    if (this.#partial.length > MAX_LINE) {
      pieces.push(this.#partial)
      this.#partial = ''
    }
    if (pieces.length > 0) this.#publish(pieces)
  }

  #publish(lines: readonly string[]): void {
    this.#recent.push(...lines.slice(-64))
    this.#recent.splice(0, Math.max(0, this.#recent.length - 64))
    for (const reader of this.#readers) reader.lines(lines)
  }

  #record(chunk: Buffer): void {
    const fits = chunk.subarray(0, Math.max(0, HEAD_BYTES - this.#written))
    this.#write(fits)
    this.#written += fits.length
    if (fits.length === chunk.length) return
    const rest = Buffer.concat([this.#tail, chunk.subarray(fits.length)])
    const cut = Math.max(0, rest.length - TAIL_BYTES)
    this.#dropped += cut
    this.#tail = rest.subarray(cut)
  }

  #write(data: Buffer): void {
    if (this.#isLost || this.#file === undefined) return
    try {
      writeSync(this.#file, data)
    } catch (error) {
      this.#lose(error)
    }
  }

  #lose(error: unknown): void {
    this.#isLost = true
    this.#onLost(`the console cannot be written to ${this.path}: ${messageOf(error)}`)
  }
}
