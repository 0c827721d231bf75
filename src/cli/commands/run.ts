import type { Command } from 'commander'
import { constants } from 'node:os'

import { UsageError } from '../../base/index.ts'
import {
  askedFor,
  machines,
  specs,
  repeating,
  RUN_POLICIES,
  running,
  type CommandSpec,
  type Lab,
  type LabEvent,
  type RunRequest,
  type RunResult,
  ownAccount,
} from '../../lab/index.ts'
import { processInterrupts } from '../interrupts.ts'
import { currentLab } from '../lab.ts'
import {
  addKernelOptions,
  addMachineOptions,
  collect,
  durationOf,
  integer,
  kernelChoice,
  machineInput,
  oneOf,
  type KernelFlags,
  type MachineFlags,
} from '../options.ts'
import { Status } from '../render/status.ts'
import { localTerminal } from '../terminal.ts'
import { out } from '../render/print.ts'

export interface RunFlags extends KernelFlags, MachineFlags {
  readonly user?: string
  readonly cwd?: string
  readonly env: readonly string[]
  readonly allowReport: readonly string[]
  readonly onCrash?: string
  readonly grace?: string
  readonly tty?: boolean
  readonly stdin: boolean
  readonly json?: boolean
  readonly events?: boolean
  readonly fresh?: boolean
  readonly repeat?: number
  readonly jobs: number
  readonly untilFailure?: boolean
  readonly quiet?: boolean
  readonly verbose?: boolean
  readonly showQemu?: boolean
}

const HELP = `
Exit codes: the command's own; 128+n when a signal ended it; 100 the kernel crashed; 124 time-out or hang;
125 could not be tested (build, boot or machine failed); 126, 127 as in a shell; 2 wrong usage.

In a terminal, ~. at the start of a line ends the VM. Ctrl-C asks the command to stop, a second one ends the VM.

Examples:
  klab run                                                a shell on the kernel of this tree
  echo data | klab run -- sh -c 'cat; exit 7'
  klab run --kernel ./linux-image-6.1.deb -- uname -r
  klab run --profile debug --config CONFIG_KASAN=y --timeout 5m -- ./test.sh
  klab run --repeat 100 --jobs 4 --until-failure -- ./flaky.sh
  git bisect run klab run -- ./test.sh`

export function addRunCommand(program: Command, finish: (code: number) => void): void {
  const command = program
    .command('run')
    .summary('build if stale, boot a fresh VM, run a command (none: a shell)')
    .description(
      'build if stale, boot a fresh VM, run a command in it (none: a shell), say what happened',
    )
    .argument('[command...]', 'command and arguments, after --')
    .passThroughOptions()
    .optionsGroup('Kernel:')
    .option(
      '--kernel <kernel>',
      'a ready-made kernel: image, directory, .deb, installed release, or id',
    )
  addKernelOptions(command)
  addMachineOptions(command)
    .optionsGroup('Command:')
    .option('--user <account>', 'user in the guest (default: you)')
    .option('--cwd <dir>', 'working directory in the guest (default: this one)')
    .option(
      '--env <name[=value]>',
      'environment variable for the command, may be repeated',
      collect,
      [],
    )
    .option('--tty', 'give the command a terminal (default: when stdin and stdout are one)')
    .option('--no-tty', 'give the command pipes')
    .option('--no-stdin', 'give the command no input')
    .optionsGroup('What counts:')
    .option(
      '--on-crash <stop|continue|dump|pause>',
      'when the kernel complains: end the run, go on, dump its memory and end, or stand still for klab inspect and debug (default: stop)',
    )
    .option(
      '--allow-report <regex>',
      'kernel reports that do not count, may be repeated',
      collect,
      [],
    )
    .option('--grace <time>', 'wait for late reports after the command')
    .optionsGroup('How often:')
    .option('--fresh', 'boot, and do not clone the template of this kernel and machine')
    .option('--repeat <n>', 'so many pristine VMs, one after another', integer)
    .option('--jobs <n>', 'with --repeat: so many at a time', integer, 1)
    .option('--until-failure', 'with --repeat: stop at the first run that does not pass')
    .optionsGroup('Output:')
    .option('--json', 'print the result as JSON on stdout; the command prints on stderr')
    .option('--events', 'print events as NDJSON on stdout; the command prints on stderr')
    .option('-q, --quiet', "nothing but the command's own output")
    .option('-v, --verbose', 'say more: kernel, phases, files')
    .option('--show-qemu', "print QEMU's command line")
    .addHelpText('after', HELP)
    .action(async (argv: string[], flags: RunFlags) =>
      finish(flags.repeat === undefined ? await run(argv, flags) : await repeat(argv, flags)),
    )
}

async function run(argv: readonly string[], flags: RunFlags): Promise<number> {
  const [{ runInVm }, lab] = await Promise.all([running(), currentLab()])
  const status = new Status({
    ...{ quiet: flags.quiet ?? false, verbose: flags.verbose ?? false },
    showQemu: flags.showQemu ?? false,
  })
  using interrupts = processInterrupts(() =>
    status.line('asked the command to stop; once more ends the VM'),
  )
  const structured = (flags.json ?? false) || (flags.events ?? false)
  // A reader of ours that goes away (`| head`) ends the writing, not the run.
  out.outliveReader()
  using terminal = await localTerminal({
    tty: flags.tty ?? (structured ? false : undefined),
    stdin: flags.stdin,
    stdoutTo: structured ? 'stderr' : 'stdout',
    onEscape: () => interrupts.end(constants.signals.SIGHUP),
  })
  const onEvent = (event: LabEvent) => {
    status.handle(event)
    if (flags.events) out.jsonLine({ time: new Date().toISOString(), ...event })
  }
  const request = await runRequest(lab, flags, { argv, tty: terminal.tty })
  try {
    const result = await runInVm(lab, request, { terminal, interrupts, onEvent })
    if (flags.json) out.json(asJson(result))
    return result.exitCode
  } finally {
    status.clear()
  }
}

async function repeat(argv: readonly string[], flags: RunFlags): Promise<number> {
  if (argv.length === 0) throw new UsageError('--repeat needs a command, after --')
  const [{ repeatRun }, lab, { summaryLines, withTable }] = await Promise.all([
    repeating(),
    currentLab(),
    import('../render/repeat-table.ts'),
  ])
  const status = new Status({ quiet: flags.quiet ?? false, verbose: false })
  using interrupts = processInterrupts(() => undefined)
  const request = await runRequest(lab, flags, { argv })
  const { repeat: count = 1, jobs, untilFailure = false } = flags
  if (request.judge.onCrash === 'pause')
    throw new UsageError('--on-crash pause waits for somebody to look: not with --repeat')
  const isLast = ({ exitCode }: RunResult) => untilFailure && exitCode !== 0
  const options = { request, count, jobs, isLast }
  const summary = await withTable(count, { status, quiet: flags.quiet ?? false }, (onEvent) =>
    repeatRun(lab, options, {
      stop: interrupts.stop,
      onEvent: (event) => {
        if (flags.events) out.jsonLine({ time: new Date().toISOString(), ...event })
        onEvent(event)
      },
    }),
  )
  if (flags.json) out.json(summary)
  else for (const line of summaryLines(summary)) status.line(line)
  return summary.exitCode
}

/** The run that the flags ask for. Throws UsageError or ConfigError. */
export async function runRequest(
  lab: Pick<Lab, 'config' | 'cwd'>,
  flags: RunFlags,
  { argv, tty }: { readonly argv: readonly string[]; readonly tty?: CommandSpec['tty'] },
): Promise<RunRequest> {
  const [{ machineFor }, { limitsOf, vmSpecOf }] = await Promise.all([machines(), specs()])
  const allowed = await askedFor(flags.allowReport)
  const machine = await machineFor(lab.config, flags.machine, machineInput(flags))
  const { run: config } = lab.config
  return {
    vm: vmSpecOf(machine, {
      ...{ kernel: kernelChoice(flags), cwd: lab.cwd },
      start: flags.fresh ? 'boot' : 'clone',
    }),
    command: {
      ...{ argv, user: flags.user ?? ownAccount().name, env: flags.env },
      ...(flags.cwd !== undefined && { cwd: flags.cwd }),
      ...(tty && { tty }),
    },
    judge: {
      allowReports: [...config.allowReports, ...allowed],
      onCrash: oneOf('--on-crash', flags.onCrash ?? config.onCrash, RUN_POLICIES),
      graceMs: flags.grace === undefined ? config.grace : durationOf('--grace', flags.grace),
      limits: limitsOf(machine),
    },
  }
}

function asJson({ outcome, ...rest }: RunResult) {
  return { ...rest, outcome }
}
