import { closeSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** Of each stream so much is kept: a thousand runs must not fill the disk. */
const MAX_OUTPUT = 4 * 1024 * 1024

/** The two streams of a command. */
const OUTPUT_STREAMS = ['stdout', 'stderr'] as const
type Stream = (typeof OUTPUT_STREAMS)[number]

/** Where what a command printed is kept; nothing is there when it printed nothing. */
export function outputPath(runDir: string, stream: Stream): string {
  return join(runDir, stream)
}

/** Keeps the beginning of what a command prints, in the directory of its run. A disk that is full keeps less, and stops nothing. */
export class OutputRecord implements AsyncDisposable {
  readonly #runDir: string
  readonly #files: Partial<Record<Stream, number>> = {}
  readonly #written = { stdout: 0, stderr: 0 }

  constructor(runDir: string) {
    this.#runDir = runDir
  }

  readonly stdout = (chunk: Buffer): void => this.#write('stdout', chunk)
  readonly stderr = (chunk: Buffer): void => this.#write('stderr', chunk)

  async [Symbol.asyncDispose](): Promise<void> {
    for (const file of Object.values(this.#files)) closeSync(file)
  }

  #write(stream: Stream, chunk: Buffer): void {
    const part = chunk.subarray(0, MAX_OUTPUT - this.#written[stream])
    if (part.length === 0) return
    try {
      // Most commands print little, and many nothing.
      this.#files[stream] ??= openSync(outputPath(this.#runDir, stream), 'w', 0o600)
      this.#written[stream] += writeSync(this.#files[stream], part)
    } catch {
      this.#written[stream] = MAX_OUTPUT
    }
  }
}
