import { Command } from 'commander'

import { DOCS } from './own-files.ts'
import { commanderOutput } from './render/commander-output.ts'
import { helpStyle } from './render/help.ts'

type AddCommand = (program: Command, finish: (code: number) => void) => void

type Loaders = Readonly<Record<string, () => Promise<AddCommand>>>

/** Each command and its file: groups and commands in the order in which one needs them, which is that of the help. */
const GROUPS: Readonly<Record<string, Loaders>> = {
  'One run:': {
    run: async () => (await import('./commands/run.ts')).addRunCommand,
    attach: async () => (await import('./commands/attach.ts')).addAttachCommand,
  },
  'VMs that stay:': {
    start: async () => (await import('./commands/start.ts')).addStartCommand,
    ps: async () => (await import('./commands/ps.ts')).addPsCommand,
    exec: async () => (await import('./commands/exec.ts')).addExecCommand,
    shell: async () => (await import('./commands/exec.ts')).addShellCommand,
    ssh: async () => (await import('./commands/ssh.ts')).addSshCommand,
    cp: async () => (await import('./commands/cp.ts')).addCopyCommand,
    logs: async () => (await import('./commands/logs.ts')).addLogsCommand,
    status: async () => (await import('./commands/status.ts')).addStatusCommand,
    stop: async () => (await import('./commands/lifecycle.ts')).addStopCommand,
    rm: async () => (await import('./commands/lifecycle.ts')).addRemoveCommand,
    pause: async () => (await import('./commands/lifecycle.ts')).addPauseCommand,
    resume: async () => (await import('./commands/lifecycle.ts')).addResumeCommand,
    wait: async () => (await import('./commands/lifecycle.ts')).addWaitCommand,
    rename: async () => (await import('./commands/lifecycle.ts')).addRenameCommand,
    stats: async () => (await import('./commands/stats.ts')).addStatsCommand,
    snapshot: async () => (await import('./commands/snapshot.ts')).addSnapshotCommand,
    restore: async () => (await import('./commands/snapshot.ts')).addRestoreCommand,
    fork: async () => (await import('./commands/snapshot.ts')).addForkCommand,
  },
  'Kernels:': {
    build: async () => (await import('./commands/build.ts')).addBuildCommand,
    kernel: async () => (await import('./commands/kernel.ts')).addKernelCommand,
  },
  'What happened:': {
    runs: async () => (await import('./commands/runs.ts')).addRunsCommand,
    crash: async () => (await import('./commands/crash.ts')).addCrashCommand,
  },
  'Inside a kernel:': {
    debug: async () => (await import('./commands/debug.ts')).addDebugCommand,
    inspect: async () => (await import('./commands/inspect.ts')).addInspectCommand,
    dump: async () => (await import('./commands/dump.ts')).addDumpCommand,
    dmesg: async () => (await import('./commands/dump.ts')).addDmesgCommand,
    console: async () => (await import('./commands/console.ts')).addConsoleCommand,
    monitor: async () => (await import('./commands/monitor.ts')).addMonitorCommand,
    qmp: async () => (await import('./commands/monitor.ts')).addQmpCommand,
  },
  'This machine:': {
    doctor: async () => (await import('./commands/doctor.ts')).addDoctorCommand,
    config: async () => (await import('./commands/config.ts')).addConfigCommand,
    trust: async () => (await import('./commands/trust.ts')).addTrustCommand,
    audit: async () => (await import('./commands/audit.ts')).addAuditCommand,
    template: async () => (await import('./commands/template.ts')).addTemplateCommand,
    completion: async () => (await import('./commands/completion.ts')).addCompletionCommand,
    'ssh-config': async () => (await import('./commands/ssh.ts')).addSshConfigCommand,
  },
}

/** What klab and the shells start, and people do not. */
const HIDDEN: Loaders = {
  complete: async () => (await import('./commands/completion.ts')).addCompleteCommand,
  'ssh-proxy': async () => (await import('./commands/ssh.ts')).addSshProxyCommand,
  switch: async () => (await import('./commands/switch.ts')).addSwitchCommand,
  keep: async () => (await import('./commands/keep.ts')).addKeepCommand,
}

/** klab as commander knows it: with the one command that is asked for, which alone is loaded, or with all. */
export async function commandTree(
  asked: string | undefined,
  finish: (code: number) => void,
): Promise<Command> {
  const program = new Command('klab')
    .usage('COMMAND [options]')
    .description(
      'a Linux kernel lab: build a kernel, boot it in a pristine VM, run anything, know what happened',
    )
    .option('-V, --version', 'print the version')
    .helpOption('-h, --help', 'this help')
    .addHelpCommand(helpCommand())
    .addHelpText('after', EXAMPLES)
    .enablePositionalOptions()
    .exitOverride()
    .showSuggestionAfterError()
    .configureHelp(helpStyle)
    .configureOutput(commanderOutput)
  const rows = [...Object.entries(GROUPS), [undefined, HIDDEN] as const]
  const isKnown = rows.some(([, loaders]) => Object.hasOwn(loaders, asked ?? ''))
  for (const [group, loaders] of rows) {
    program.commandsGroup(group ?? '')
    for (const [name, load] of Object.entries(loaders))
      if (!isKnown || name === asked) (await load())(program, finish)
  }
  return program
}

function helpCommand(): Command {
  return new Command('help')
    .argument('[command]')
    .description('the help of a command')
    .helpGroup('This machine:')
}

/** After the list of commands. */
const EXAMPLES = `
Examples:
  klab run                              in a kernel tree: build, boot, a shell
  klab run -- make -C tools/testing/selftests/timers run_tests
  klab run --kernel /boot/vmlinuz-$(uname -r) -- uname -r
  klab run --repeat 100 --jobs 2 -- ./flaky.sh
  klab start box ; klab exec box -- uname -a ; klab stop box
  git bisect run klab run -- ./test.sh

Options of a command: klab COMMAND --help. Documentation: ${DOCS}`
