import { appendFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

import { readRecorded } from '../../host/index.ts'

/** What is kept of what a command reads: enough for programs and data, not for disk images. */
const MAX_INPUT = 16 * 1024 * 1024

/** What a run keeps of its input: nothing of a terminal's, where passwords are typed. */
export type KeptInput = 'none' | 'all' | 'too much' | 'typed'

/** Where the input of a run is. */
function inputPath(runDir: string): string {
  return join(runDir, 'stdin')
}

/** Passes on what a command reads, and keeps it in the run's directory. */
export class InputRecord {
  readonly #path: string
  #bytes = 0
  #isOver = false

  constructor(runDir: string) {
    this.#path = inputPath(runDir)
  }

  async *keep(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of input) {
      this.#write(chunk)
      yield chunk
    }
  }

  get kept(): KeptInput {
    return this.#isOver ? 'too much' : this.#bytes === 0 ? 'none' : 'all'
  }

  #write(chunk: Uint8Array): void {
    this.#isOver ||= this.#bytes + chunk.length > MAX_INPUT
    if (this.#isOver) return
    try {
      appendFileSync(this.#path, chunk, { mode: 0o600 })
      this.#bytes += chunk.length
    } catch {
      // A full disk: the command has its input all the same, and no replay would.
      this.#isOver = true
    }
  }
}

/** What was kept of a run's input. Throws InfraError. */
export function keptInput(runDir: string): Buffer {
  return readRecorded(inputPath(runDir))
}

/** Whether the input of a run is there. */
export function hasInput(runDir: string): boolean {
  return statSync(inputPath(runDir), { throwIfNoEntry: false })?.isFile() ?? false
}
