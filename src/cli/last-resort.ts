import { printError } from './render/errors.ts'
import { err } from './render/print.ts'

/**
 * Whatever escapes, in a handler of a socket or a promise that nobody waits for, ends klab with one sentence and 125: Node would print a
 * trace and exit with 1. QEMU dies with us, and the next klab sets the records right.
 */
export function catchWhatEscapes(): void {
  let isOver = false
  process.on('uncaughtException', (error) => {
    // One that comes while the first is told.
    if (!isOver) process.exitCode = printError(error)
    isOver = true
    process.exit()
  })
  // What cannot be said there can be said nowhere.
  err.outliveReader()
}
