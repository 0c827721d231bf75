/** The command's terminal or pipes, wherever they are. */
export interface Terminal {
  readonly stdout: (chunk: Buffer) => Promise<void> | void
  readonly stderr: (chunk: Buffer) => Promise<void> | void
  /** What the command reads; absent for nothing. */
  readonly stdin?: AsyncIterable<Uint8Array>
  /** New sizes of the window, while it lives. */
  readonly onResize?: (listener: (rows: number, cols: number) => void) => void
  /** There is a command, and the user's keys are for it: until then, Ctrl-C is for us. */
  readonly begin?: () => void
  /** The command is over, and the user's keys are for us again. */
  readonly release?: () => void
}

/** How the user ends a run: first politely, then not. */
export interface Interrupts {
  /** Called with a signal number for the command; undefined when there is none any more. */
  readonly onSignal: (listener: ((signal: number) => void) | undefined) => void
  /** Aborted with a signal number when the VM is to end now. */
  readonly stop: AbortSignal
}
