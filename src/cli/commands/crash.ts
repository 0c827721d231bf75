import type { Command } from 'commander'

import { exportOne, ignore, remove, type ExportFlags, type IgnoreFlags } from './crash-changes.ts'
import { parse, type ParseFlags } from './crash-parse.ts'
import { compare, list, runs, show } from './crash-views.ts'

type Finish = (code: number) => void

const HELP = `
A crash is named by the beginning of its id, its title, or a part of its title.

Examples:
  klab crash parse /var/log/kern.log console.log.gz
  dmesg | klab crash parse - --text
  klab crash parse --why console.log     # why is it called that?
  klab crash ls
  klab crash show "WARNING in foo" --format mail
  klab crash compare 3f2a 91bc
  klab crash export 3f2a -o bug.tar.gz
  klab crash ignore 3f2a --reason "known, fix is on its way"
  klab crash runs 3f2a`

export function addCrashCommand(program: Command, finish: Finish): void {
  const crash = program
    .command('crash')
    .summary('what kernels complained of: in any log, and in all runs')
    .description('what kernels complained of: in any log, and in all recorded runs')
    .addHelpText('after', HELP)
  addParse(crash, finish)
  addViews(crash, finish)
  addChanges(crash, finish)
}

function addParse(crash: Command, finish: Finish): void {
  crash
    .command('parse <file...>')
    .description(
      'find the reports in logs (- for stdin; gzip, zstd, xz, bzip2, lz4 and brotli are unpacked)',
    )
    .option('--text', 'print the whole reports')
    .option('--why', 'print how each title came about: row, functions passed over, damage')
    .option('--vmlinux <file>', 'the kernel of the log: print the reports with source lines')
    .option('--modules <dir>', 'with --vmlinux: its modules (default: modules, beside it)')
    .option('--json', 'as JSON')
    .option('--exit-code', 'exit with 100 when there is a report')
    .action(async (files: string[], flags: ParseFlags) => finish(await parse(files, flags)))
}

function addViews(crash: Command, finish: Finish): void {
  crash
    .command('ls')
    .description('crashes of all recorded runs, seen last first')
    .option('--all', 'those too that the configuration ignores')
    .option('--json', 'as JSON')
    .action((flags: Parameters<typeof list>[0]) => list(flags).then(() => finish(0)))
  crash
    .command('show <crash>')
    .description(
      'one crash: report with source lines, instructions, maintainers, how to do it again',
    )
    .option('--format <text|markdown|mail|json|sarif>', 'how to write it', 'text')
    .option('--json', 'the same as --format json')
    .action((wanted: string, flags: Parameters<typeof show>[1]) =>
      show(wanted, flags).then(() => finish(0)),
    )
  crash
    .command('runs <crash>')
    .description('the runs that saw a crash, newest first')
    .option('--json', 'as JSON')
    .action((wanted: string, flags: Parameters<typeof runs>[1]) =>
      runs(wanted, flags).then(() => finish(0)),
    )
  crash
    .command('compare <crash> <other-crash>')
    .description('two crashes side by side: what they are, where they were seen, and their stacks')
    .option('--json', 'as JSON')
    .action((one: string, other: string, flags: Parameters<typeof compare>[2]) =>
      compare(one, other, flags).then(() => finish(0)),
    )
}

function addChanges(crash: Command, finish: Finish): void {
  crash
    .command('export <crash>')
    .description(
      'one archive for a bug report; secrets, user, host and home directory are taken out of its texts',
    )
    .option('-o, --output <file>', 'where (default: klab-crash-ID.tar.gz here)')
    .option('--kernel', 'with image, System.map and vmlinux')
    .option(
      '--dump',
      "with the memory of the newest run that wrote it (it holds the guest's secrets)",
    )
    .option('--json', 'as JSON')
    .action((wanted: string, flags: ExportFlags) => exportOne(wanted, flags).then(() => finish(0)))
  crash
    .command('ignore <crash>')
    .description(
      "a crash that does not count any more: written into the project's klab.yaml, or with --user for all projects",
    )
    .option('--reason <text>', 'why; needed')
    .option('--undo', 'let it count again')
    .option('--user', "into the user's configuration, for all projects")
    .action((wanted: string, flags: IgnoreFlags) => ignore(wanted, flags).then(() => finish(0)))
  crash
    .command('rm <crash...>')
    .description('forget crashes, and what they have led to; the runs that saw them stay')
    .action((wanted: string[]) => remove(wanted).then(() => finish(0)))
}
