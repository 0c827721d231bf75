/**
 * A failure the user can act on: its message is one clear sentence that says what was tried, on what,
 * what was seen and what to do. Any other error that escapes is a bug in klab.
 */
export abstract class KlabError extends Error {
  abstract readonly code: string
  /** What the process exits with when nothing else decides (DESIGN, exit codes). */
  abstract readonly exitCode: number
  /** More lines for the reader, each of its own: a log excerpt, console lines, a list of candidates or problems. */
  readonly details: readonly string[]

  constructor(message: string, options?: KlabErrorOptions) {
    super(message, options)
    this.details = options?.details ?? []
  }
}

type KlabErrorOptions = ErrorOptions & { readonly details?: readonly string[] }

/** A command line that cannot be meant. */
export class UsageError extends KlabError {
  readonly code = 'USAGE'
  readonly exitCode = 2
}

/** A configuration file, variable or option that is not valid. */
export class ConfigError extends KlabError {
  readonly code = 'CONFIG'
  readonly exitCode = 2
}

/** Something could not be tested: the build, the boot or this machine failed. `git bisect run` skips on 125. */
export class InfraError extends KlabError {
  readonly code: string
  readonly exitCode = 125

  constructor(code: string, message: string, options?: KlabErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** The user, or the system, has ended what was going on. */
export class Interrupted extends KlabError {
  readonly code = 'INTERRUPTED'
  readonly exitCode: number
  readonly signal: number

  constructor(signal: number) {
    super('interrupted')
    this.signal = signal
    // As a shell says it.
    this.exitCode = 128 + signal
  }
}

/** The number of the signal that has ended what an AbortSignal is about; SIGTERM's where nobody says. */
export function interruptOf({ reason }: AbortSignal): number {
  return reason instanceof Interrupted ? reason.signal : 15
}

/** The message of anything thrown, on one line. */
export function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replaceAll('\n', ' ')
}
