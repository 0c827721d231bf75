import { Command, CommanderError } from 'commander'

import { printError } from './render/errors.ts'

const EXAMPLES = `
Examples:
  klab run                                 in a kernel tree: build if needed, boot, a shell
  klab run -- make -C tools/testing/selftests/timers run_tests
  klab run --kernel /boot/vmlinuz-$(uname -r) -- uname -r
  klab run --repeat 100 --jobs 2 -- ./flaky.sh
  klab start box ; klab exec box -- uname -a ; klab stop box
  git bisect run klab run -- ./test.sh
  klab doctor                              what works on this machine, and what is missing`

type AddCommand = (program: Command, finish: (code: number) => void) => void

/** Each command and its file, in the order of the help. Only the one that is asked for is loaded. */
const COMMANDS: Readonly<Record<string, () => Promise<AddCommand>>> = {
  run: async () => (await import('./commands/run.ts')).addRunCommand,
  build: async () => (await import('./commands/build.ts')).addBuildCommand,
  start: async () => (await import('./commands/start.ts')).addStartCommand,
  ps: async () => (await import('./commands/ps.ts')).addPsCommand,
  stats: async () => (await import('./commands/stats.ts')).addStatsCommand,
  exec: async () => (await import('./commands/exec.ts')).addExecCommand,
  shell: async () => (await import('./commands/exec.ts')).addShellCommand,
  cp: async () => (await import('./commands/cp.ts')).addCopyCommand,
  logs: async () => (await import('./commands/logs.ts')).addLogsCommand,
  console: async () => (await import('./commands/console.ts')).addConsoleCommand,
  status: async () => (await import('./commands/status.ts')).addStatusCommand,
  pause: async () => (await import('./commands/lifecycle.ts')).addPauseCommand,
  resume: async () => (await import('./commands/lifecycle.ts')).addResumeCommand,
  stop: async () => (await import('./commands/lifecycle.ts')).addStopCommand,
  wait: async () => (await import('./commands/lifecycle.ts')).addWaitCommand,
  rename: async () => (await import('./commands/lifecycle.ts')).addRenameCommand,
  rm: async () => (await import('./commands/lifecycle.ts')).addRemoveCommand,
  monitor: async () => (await import('./commands/monitor.ts')).addMonitorCommand,
  qmp: async () => (await import('./commands/monitor.ts')).addQmpCommand,
  fork: async () => (await import('./commands/snapshot.ts')).addForkCommand,
  snapshot: async () => (await import('./commands/snapshot.ts')).addSnapshotCommand,
  restore: async () => (await import('./commands/snapshot.ts')).addRestoreCommand,
  dump: async () => (await import('./commands/dump.ts')).addDumpCommand,
  dmesg: async () => (await import('./commands/dump.ts')).addDmesgCommand,
  inspect: async () => (await import('./commands/inspect.ts')).addInspectCommand,
  debug: async () => (await import('./commands/debug.ts')).addDebugCommand,
  ssh: async () => (await import('./commands/ssh.ts')).addSshCommand,
  'ssh-config': async () => (await import('./commands/ssh.ts')).addSshConfigCommand,
  template: async () => (await import('./commands/template.ts')).addTemplateCommand,
  kernel: async () => (await import('./commands/kernel.ts')).addKernelCommand,
  crash: async () => (await import('./commands/crash.ts')).addCrashCommand,
  runs: async () => (await import('./commands/runs.ts')).addRunsCommand,
  doctor: async () => (await import('./commands/doctor.ts')).addDoctorCommand,
  config: async () => (await import('./commands/config.ts')).addConfigCommand,
  'ssh-proxy': async () => (await import('./commands/ssh.ts')).addSshProxyCommand,
  switch: async () => (await import('./commands/switch.ts')).addSwitchCommand,
  keep: async () => (await import('./commands/keep.ts')).addKeepCommand,
}

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
  const asked = COMMANDS[args[0] ?? '']
  for (const load of asked ? [asked] : Object.values(COMMANDS)) (await load())(program, finish)
  try {
    await program.parseAsync([...args], { from: 'user' })
    return exitCode
  } catch (error) {
    // commander has printed its own sentence; help and version are no errors.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    return printError(error)
  }
}
