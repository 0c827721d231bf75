import { Command, CommanderError } from 'commander'

import { addBuildCommand } from './commands/build.ts'
import { addConfigCommand } from './commands/config.ts'
import { addDoctorCommand } from './commands/doctor.ts'
import { addKernelCommand } from './commands/kernel.ts'
import { addRunCommand } from './commands/run.ts'
import { addRunsCommand } from './commands/runs.ts'
import { printError } from './render/errors.ts'

const EXAMPLES = `
Examples:
  klab run                                 in a kernel tree: build if needed, boot, a shell
  klab run -- make -C tools/testing/selftests/timers run_tests
  klab run --kernel /boot/vmlinuz-$(uname -r) -- uname -r
  git bisect run klab run -- ./test.sh
  klab doctor                              what works on this machine, and what is missing`

/** Runs the command line; returns the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  let exitCode = 0
  const program = new Command('klab')
    .description(
      'a Linux kernel lab: build a kernel, boot it in a pristine VM, run anything, know what happened',
    )
    .option('-V, --version', 'print the version')
    .addHelpText('after', EXAMPLES)
    .enablePositionalOptions()
    .exitOverride()
    .showSuggestionAfterError()
    .configureHelp({ sortSubcommands: false })
  const finish = (code: number) => {
    exitCode = code
  }
  for (const add of [
    addRunCommand,
    addBuildCommand,
    addKernelCommand,
    addRunsCommand,
    addDoctorCommand,
    addConfigCommand,
  ]) {
    add(program, finish)
  }
  try {
    await program.parseAsync([...args], { from: 'user' })
    return exitCode
  } catch (error) {
    // commander has printed its own sentence; help and version are no errors.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    return printError(error)
  }
}
