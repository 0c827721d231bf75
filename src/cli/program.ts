import { CommanderError } from 'commander'

import { InfraError, messageOf } from '../base/index.ts'
import { commandTree } from './command-tree.ts'
import { printError } from './render/errors.ts'

/** Runs the command line; returns the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  // Whoever reads us and goes (`| head`) has seen enough.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' || process.stdout.listenerCount('error') > 1) return
    throw new InfraError('OUTPUT', `cannot write to standard output: ${messageOf(error)}`)
  })
  let exitCode = 0
  const program = await commandTree(args[0], (code) => (exitCode = code))
  try {
    await program.parseAsync([...args], { from: 'user' })
    return exitCode
  } catch (error) {
    // commander has printed its own sentence; help and version are no errors.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    return printError(error)
  }
}
