import type { Command } from 'commander'
import { statSync } from 'node:fs'

import { formatBytes, formatDuration, UsageError } from '../../base/index.ts'
import { crashes } from '../../lab/index.ts'
import { currentLab } from '../lab.ts'
import { oneOf } from '../options.ts'
import { date } from '../render/date.ts'
import { Progress } from '../render/progress.ts'
import { table } from '../render/table.ts'
import { parse, type ParseFlags } from './crash-parse.ts'

const HELP = `
A crash is named by the beginning of its id, its title, or a part of its title.

Examples:
  klab crash parse /var/log/kern.log console.log.gz
  dmesg | klab crash parse - --text
  klab crash ls
  klab crash show "WARNING in foo" --format mail
  klab crash compare 3f2a 91bc
  klab crash export 3f2a -o bug.tar.gz
  klab crash ignore 3f2a --reason "known, fix is on its way"
  klab crash runs 3f2a`

/** Of all commands that take a crash. */
interface CrashFlags {
  readonly json?: boolean
  readonly format?: string
  readonly output?: string
  readonly kernel?: boolean
  readonly dump?: boolean
  readonly reason?: string
  readonly undo?: boolean
  readonly user?: boolean
}

export function addCrashCommand(program: Command, finish: (code: number) => void): void {
  const crash = program
    .command('crash')
    .description('what kernels complained of: in any log, and in all recorded runs')
    .addHelpText('after', HELP)
  crash
    .command('parse <file...>')
    .description(
      'find the reports in logs (- for stdin; gzip, zstd, xz, bzip2, lz4 and brotli are unpacked)',
    )
    .option('--text', 'print the whole reports')
    .option('--vmlinux <file>', 'the kernel of the log: print the reports with source lines')
    .option('--modules <dir>', 'with --vmlinux: its modules (default: modules, beside it)')
    .option('--json', 'as JSON')
    .option('--exit-code', 'exit with 100 when there is a report')
    .action(async (files: string[], flags: ParseFlags) => finish(await parse(files, flags)))
  /** A subcommand that ends with 0 unless it throws. */
  const add = (
    name: string,
    description: string,
    action: (wanted: string, flags: CrashFlags) => Promise<void>,
  ) =>
    crash
      .command(name)
      .description(description)
      .action(async (wanted: string, flags: CrashFlags) => {
        await action(wanted, flags)
        finish(0)
      })
  crash
    .command('ls')
    .description('crashes of all recorded runs, seen last first')
    .option('--all', 'those too that the configuration ignores')
    .option('--json', 'as JSON')
    .action(async (flags: { all?: boolean; json?: boolean }) => {
      await list(flags)
      finish(0)
    })
  add(
    'show <crash>',
    'one crash: report with source lines, instructions, maintainers, how to do it again',
    show,
  )
    .option('--format <text|markdown|mail|json|sarif>', 'how to write it', 'text')
    .option('--json', 'the same as --format json')
  add('runs <crash>', 'the runs that saw a crash, newest first', runs).option('--json', 'as JSON')
  add(
    'export <crash>',
    'one archive for a bug report; secrets, user, host and home directory are taken out of its texts',
    exportOne,
  )
    .option('-o, --output <file>', 'where (default: klab-crash-ID.tar.gz here)')
    .option('--kernel', 'with image, System.map and vmlinux')
    .option(
      '--dump',
      "with the memory of the newest run that wrote it (it holds the guest's secrets)",
    )
    .option('--json', 'as JSON')
  add(
    'ignore <crash>',
    'a crash that does not count any more: written into the configuration of the project',
    ignore,
  )
    .option('--reason <text>', 'why; needed')
    .option('--undo', 'let it count again')
    .option('--user', "into the user's configuration, not the project's")
  crash
    .command('compare <crash> <other>')
    .description('two crashes side by side: what they are, where they were seen, and their stacks')
    .option('--json', 'as JSON')
    .action(async (one: string, other: string, { json }: { json?: boolean }) => {
      await compare(one, other, json ?? false)
      finish(0)
    })
}

async function open() {
  const [lab, useCases] = await Promise.all([currentLab(), crashes()])
  return { lab, useCases }
}

async function list({ all = false, json }: { all?: boolean; json?: boolean }): Promise<void> {
  const { lab, useCases } = await open()
  const known = await useCases.listCrashes(lab)
  const shown = all ? known : known.filter(({ allowed }) => allowed === undefined)
  if (json) {
    console.log(JSON.stringify(shown, null, 2))
    return
  }
  const hidden = known.length - shown.length
  if (shown.length === 0) console.log('no crashes')
  else {
    const rows = shown.map(({ fingerprint, severity, allowed, ...row }) => [
      fingerprint.slice(0, 8),
      String(row.runs),
      date(row.firstSeen),
      date(row.lastSeen),
      severity,
      allowed === undefined ? row.title : `${row.title} (ignored: ${allowed})`,
    ])
    console.log(table(['id', 'runs', 'first seen', 'last seen', 'severity', 'title'], rows))
  }
  if (hidden > 0) console.error(`klab: ${hidden} ignored by the configuration; --all shows them`)
}

async function show(wanted: string, { json = false, format = 'text' }: CrashFlags): Promise<void> {
  const { lab, useCases } = await open()
  const name = oneOf('--format', json ? 'json' : format, useCases.CRASH_FORMAT_NAMES)
  process.stdout.write(useCases.CRASH_FORMATS[name](await useCases.showCrash(lab, wanted)))
}

async function compare(one: string, other: string, json: boolean): Promise<void> {
  const { lab, useCases } = await open()
  const comparison = useCases.compareCrashes(
    await useCases.showCrash(lab, one),
    await useCases.showCrash(lab, other),
  )
  if (json) {
    console.log(JSON.stringify(comparison, null, 2))
    return
  }
  const { fields, frames, isSame } = comparison
  const rows = fields.map((field) => [
    field.name,
    field.one === field.other ? '' : '≠',
    field.one,
    field.other,
  ])
  const stack = frames.map((frame) => [
    '',
    frame.one === frame.other ? '' : '≠',
    frame.one ?? '',
    frame.other ?? '',
  ])
  console.log(table(['', '', one, other], [...rows, ['stack', '', '', ''], ...stack]))
  console.log(isSame ? '\nthe same crash' : '\ntwo crashes')
}

async function exportOne(wanted: string, flags: CrashFlags): Promise<void> {
  const { lab, useCases } = await open()
  using progress = new Progress()
  progress.show('exporting')
  const { path, files, scrubbed } = await useCases.exportCrash(lab, {
    crash: wanted,
    output: flags.output,
    withKernel: flags.kernel ?? false,
    withDump: flags.dump ?? false,
  })
  const { size } = statSync(path)
  if (flags.json) {
    console.log(JSON.stringify({ path, bytes: size, files, scrubbed }, null, 2))
    return
  }
  console.log(path)
  console.error(
    `klab: ${formatBytes(size)}, ${files.length} files; ${scrubbed} places with names or secrets taken out: look before you send it`,
  )
}

async function ignore(
  wanted: string,
  { reason, undo = false, user = false }: CrashFlags,
): Promise<void> {
  if (undo === (reason !== undefined))
    throw new UsageError('give --reason TEXT to ignore it, or --undo to let it count again')
  const { lab, useCases } = await open()
  const { file, title } = await useCases.ignoreCrash(lab, wanted, { reason, user })
  console.log(`${title}: ${undo ? 'counts again' : 'does not count any more'} (${file})`)
}

async function runs(wanted: string, { json }: CrashFlags): Promise<void> {
  const { lab, useCases } = await open()
  const { seenBy } = await useCases.showCrash(lab, wanted)
  if (json) {
    console.log(JSON.stringify(seenBy, null, 2))
    return
  }
  const rows = seenBy.map(({ id, startedAt, durationMs, release, argv }) => [
    id,
    date(startedAt),
    durationMs === null ? '' : formatDuration(durationMs),
    release ?? '',
    argv.join(' '),
  ])
  console.log(table(['id', 'started', 'took', 'release', 'command'], rows))
}
