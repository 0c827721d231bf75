import type { Command } from 'commander'

import { UsageError } from '../../base/index.ts'
import { vms } from '../../lab/index.ts'
import { currentPaths } from '../lab.ts'
import { addExecOptions, exec, type ExecFlags } from './exec.ts'

const HELP = `
A run can be entered a moment after its command has begun, from any other terminal. Its name is run-ID (klab ps), and for all commands
that take a VM the id is enough: exec, shell, cp, console, logs, status, dump, inspect, debug, stop. When the run ends, so does what
was started in it.

Examples:
  klab attach                       a shell in the one run that goes on
  klab attach 7xkq2m4p --user root
  klab exec 7xkq2m4p -- cat /proc/loadavg`

/** Without a name there has to be just one to be meant. */
export function addAttachCommand(program: Command, finish: (code: number) => void): void {
  const command = program
    .command('attach')
    .summary('a shell in a run that goes on')
    .description('a shell in a run that goes on, beside its command')
    .argument('[vm]', 'the run, by its id or name (default: the only one)')
  addExecOptions(command)
    .addHelpText('after', HELP)
    .action(async (name: string | undefined, flags: ExecFlags) =>
      finish(await exec(name ?? (await onlyRun()), [], { ...flags, stdin: true })),
    )
}

async function onlyRun(): Promise<string> {
  const [paths, { VmRegistry }] = await Promise.all([currentPaths(), vms()])
  const runs = new VmRegistry(paths).list().filter(({ kind }) => kind === 'run')
  const [run, ...others] = runs
  if (!run) throw new UsageError('no run goes on here; klab ps lists what does')
  if (others.length === 0) return run.name
  throw new UsageError(
    `${runs.length} runs go on (${runs.map(({ name }) => name).join(', ')}); name one`,
  )
}
