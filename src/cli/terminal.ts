import type { Interface } from 'node:readline/promises'

import { rawTerminal, type Terminal } from '../lab/index.ts'

/** `~.` at the start of a line ends the VM, as in ssh: a raw terminal gives every other key to the guest. */
const ESCAPE = Buffer.from('~.')

export interface LocalTerminal extends Terminal, Disposable {
  /** The window, when the command gets a terminal. */
  readonly tty: { rows: number; cols: number } | undefined
}

export interface TerminalOptions {
  /** Undefined decides by whether both ends are terminals. */
  readonly tty: boolean | undefined
  readonly stdin: boolean
  /** Where the command's stdout goes. */
  readonly stdoutTo: 'stdout' | 'stderr'
  readonly onEscape: () => void
}

/** Our stdin, stdout and stderr as the command's. */
export async function localTerminal({
  tty,
  stdin,
  stdoutTo,
  onEscape,
}: TerminalOptions): Promise<LocalTerminal> {
  const both = process.stdin.isTTY && process.stdout.isTTY
  const isTty = tty ?? both
  const cleanups: (() => void)[] = []
  const isRaw = isTty && process.stdin.isTTY && stdin
  // Loaded before it is needed: once there is a command, every key counts.
  const raw = isRaw ? await rawTerminal() : undefined
  return {
    tty: isTty
      ? { rows: process.stdout.rows || 24, cols: process.stdout.columns || 80 }
      : undefined,
    stdout: (chunk) => write(process[stdoutTo], chunk),
    stderr: (chunk) => write(process.stderr, chunk),
    ...(stdin && { stdin: isRaw ? withEscape(process.stdin, onEscape) : process.stdin }),
    onResize: (listener) => {
      if (!isTty) return
      const changed = () => listener(process.stdout.rows || 24, process.stdout.columns || 80)
      process.stdout.on('resize', changed)
      cleanups.push(() => process.stdout.off('resize', changed))
    },
    begin: () => {
      if (!raw) return
      process.stdin.setRawMode(true)
      raw.passOutputThrough()
      // Back to what it was before, output processing included.
      cleanups.push(() => process.stdin.setRawMode(false))
    },
    release: () => {
      for (const cleanup of cleanups.splice(0)) cleanup()
    },
    [Symbol.dispose]() {
      for (const cleanup of cleanups) cleanup()
      // An open stdin would keep the process alive after the command.
      process.stdin.destroy()
    },
  }
}

/** Lines that a person types, or another program gives. */
export async function typedLines(prompt = ''): Promise<Interface> {
  const { createInterface } = await import('node:readline/promises')
  return createInterface({
    ...{ input: process.stdin, prompt },
    ...(process.stdin.isTTY && { output: process.stderr }),
  })
}

function write(stream: NodeJS.WriteStream, chunk: Buffer): Promise<void> {
  return new Promise((resolve) => {
    // A reader that has gone (`| head`) is noticed by the stream's error handler; the command goes on.
    stream.write(chunk, () => resolve())
  })
}

async function* withEscape(
  input: AsyncIterable<Buffer>,
  onEscape: () => void,
): AsyncGenerator<Buffer> {
  let isLineStart = true
  let hasTilde = false
  for await (const chunk of input) {
    // Byte by byte: what is typed fast, or pasted, comes in one piece.
    for (const byte of chunk) {
      if (hasTilde && byte === ESCAPE[1]) onEscape()
      hasTilde = isLineStart && byte === ESCAPE[0]
      isLineStart = byte === 0x0a || byte === 0x0d
    }
    yield chunk
  }
}
