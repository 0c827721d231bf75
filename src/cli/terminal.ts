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
  readonly stdoutTo: NodeJS.WriteStream
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
  if (isTty && process.stdin.isTTY && stdin) {
    process.stdin.setRawMode(true)
    const { passOutputThrough } = await rawTerminal()
    passOutputThrough()
    // Back to what it was before, output processing included.
    cleanups.push(() => process.stdin.setRawMode(false))
  }
  return {
    tty: isTty
      ? { rows: process.stdout.rows || 24, cols: process.stdout.columns || 80 }
      : undefined,
    stdout: (chunk) => write(stdoutTo, chunk),
    stderr: (chunk) => write(process.stderr, chunk),
    ...(stdin && { stdin: isTty ? withEscape(process.stdin, onEscape) : process.stdin }),
    onResize: (listener) => {
      if (!isTty) return
      const changed = () => listener(process.stdout.rows || 24, process.stdout.columns || 80)
      process.stdout.on('resize', changed)
      cleanups.push(() => process.stdout.off('resize', changed))
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
    if (hasTilde && chunk[0] === ESCAPE[1]) onEscape()
    if (isLineStart && chunk.indexOf(ESCAPE) === 0) onEscape()
    hasTilde = isLineStart && chunk.length === 1 && chunk[0] === ESCAPE[0]
    isLineStart = [0x0a, 0x0d].includes(chunk.at(-1) ?? 0)
    yield chunk
  }
}
