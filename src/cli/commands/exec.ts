import type { Command } from 'commander'
import { constants } from 'node:os'

import { describeOutcome, exitCodeOf, guestUser, ownAccount, vms } from '../../lab/index.ts'
import { audited } from '../audited.ts'
import { processInterrupts } from '../interrupts.ts'
import { currentPaths } from '../lab.ts'
import { afterDashes, collect, limitOf } from '../options.ts'
import { Status } from '../render/status.ts'
import { localTerminal } from '../terminal.ts'
import { out } from '../render/print.ts'

export interface ExecFlags {
  readonly user?: string
  readonly cwd?: string
  readonly env: readonly string[]
  readonly tty?: boolean
  readonly stdin: boolean
  readonly timeout?: string
  readonly idleTimeout?: string
}

const HELP = `
Exit codes, as of klab run: the command's own; 128+n when a signal ended it; 100 when the kernel complained meanwhile;
124 time-out, or the guest hangs; 125 when the VM cannot be reached or ended; 126, 127 as in a shell. When this klab ends, so
does the command: it is hung up.

Examples:
  klab exec box -- uname -a
  tar c src | klab exec box -- tar x -C /tmp
  klab exec --user root box -- sysctl kernel.panic`

export function addExecCommand(program: Command, finish: (code: number) => void): void {
  const command = program
    .command('exec')
    .description('run a command in a running VM')
    .argument('<vm>', 'the VM')
    .argument('<command...>', 'command and arguments, after --')
    .passThroughOptions()
  addExecOptions(command)
    .option('--tty', 'give the command a terminal (default: when stdin and stdout are one)')
    .option('--no-tty', 'give the command pipes')
    .option('--no-stdin', 'give the command no input')
    .option('--timeout <time>', 'limit for the command, such as 5m; the VM goes on')
    .option('--idle-timeout <time>', 'limit for silence of the command')
    .addHelpText('after', HELP)
    .action(async (name: string, argv: string[], flags: ExecFlags) =>
      finish(await exec(name, afterDashes(argv), flags)),
    )
}

export function addShellCommand(program: Command, finish: (code: number) => void): void {
  const command = program
    .command('shell')
    .description('a shell in a running VM')
    .argument('<vm>', 'the VM')
  addExecOptions(command)
    .addHelpText('after', '\nExamples:\n  klab shell box\n  klab shell --user root box')
    .action(async (name: string, flags: ExecFlags) =>
      finish(await exec(name, [], { ...flags, stdin: true })),
    )
}

/** The options of all that runs something in a VM. */
export function addExecOptions(command: Command): Command {
  return command
    .option('--user <account>', 'user in the guest (default: you)')
    .option('--cwd <dir>', 'working directory in the guest (default: where the VM was started)')
    .option('--env <name[=value]>', 'environment variable, may be repeated', collect, [])
}

/** Runs a command, or without one a shell, in a VM; returns what to exit with. */
export async function exec(
  name: string,
  argv: readonly string[],
  flags: ExecFlags,
): Promise<number> {
  const limits = {
    timeoutMs: limitOf('--timeout', flags.timeout),
    idleTimeoutMs: limitOf('--idle-timeout', flags.idleTimeout),
  }
  const [paths, { execInVm, variablesOf, VmRegistry }, { findUser, guestEnvironment }] =
    await Promise.all([currentPaths(), vms(), guestUser()])
  const vm = new VmRegistry(paths).getLive(name)
  const status = new Status({ quiet: false, verbose: false })
  using interrupts = processInterrupts(() =>
    status.line('asked the command to stop; once more leaves it'),
  )
  out.outliveReader()
  using terminal = await localTerminal({
    tty: flags.tty,
    stdin: flags.stdin,
    stdoutTo: 'stdout',
    onEscape: () => interrupts.end(constants.signals.SIGHUP),
  })
  const user = findUser(flags.user ?? ownAccount().name, process.env)
  const request = {
    argv: argv.length > 0 ? argv : [user.shell, ...(terminal.tty ? ['-i'] : [])],
    env: guestEnvironment(process.env, user, [...(await variablesOf(paths, vm)), ...flags.env]),
    cwd: flags.cwd ?? (vm.request.vm.root.kind === 'host' ? vm.request.cwd : '/'),
    user: user.ids,
    ...(terminal.tty && { tty: terminal.tty }),
  }
  await audited({ what: 'exec', subject: name, detail: `${user.name}: ${request.argv.join(' ')}` })
  const outcome = await execInVm(paths, vm, {
    ...{ request, terminal, interrupts, limits, graceMs: vm.request.judge.graceMs },
  })
  if (outcome.kind !== 'exited') status.line(describeOutcome(outcome))
  return exitCodeOf(outcome)
}
