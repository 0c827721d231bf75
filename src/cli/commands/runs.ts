import { Option, type Command } from 'commander'

import { describeOutcome, history, replaying, runRemoval } from '../../lab/index.ts'
import { processInterrupts } from '../interrupts.ts'
import { currentLab, lookingLab } from '../lab.ts'
import {
  block,
  field,
  formatBytes,
  formatDuration,
  parseSizeBytes,
  shellWord,
  shown,
  UsageError,
} from '../../base/index.ts'
import { collect, integer } from '../options.ts'
import { printPruned } from '../render/pruned.ts'
import { date } from '../render/date.ts'
import { Status } from '../render/status.ts'
import { table } from '../render/table.ts'
import { localTerminal } from '../terminal.ts'
import { err, out } from '../render/print.ts'

interface ListFlags {
  readonly json?: boolean
  readonly outcome?: string
  readonly kernel?: string
  readonly command?: string
  readonly limit: number
}

interface PruneFlags {
  readonly json?: boolean
  readonly keep?: number
  readonly size?: string
}

interface ShowFlags {
  readonly console?: boolean
  readonly output?: boolean
  readonly showQemu?: boolean
  readonly json?: boolean
}

interface ReplayFlags {
  readonly json?: boolean
  readonly quiet?: boolean
  readonly env: readonly string[]
  readonly repeat?: number
  readonly jobs: number
  readonly untilSame?: boolean
}

const OUTCOMES = [
  ...['exited', 'signalled', 'crashed', 'hung', 'timed-out', 'boot-failed', 'lost', 'not-executed'],
]

export function addRunsCommand(program: Command, finish: (code: number) => void): void {
  const runs = program
    .command('runs')
    .description('what was run, and how it ended')
    .addOption(new Option('--outcome <kind>', 'only those that ended so').choices(OUTCOMES))
    .option('--kernel <text>', 'only those whose kernel contains this')
    .option('--command <text>', 'only those whose command contains this')
    .option('--limit <n>', 'at most so many', integer, 30)
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  klab runs --outcome crashed\n  klab runs show 7xkq --console\n  klab runs replay 7xkq',
    )
    .action(async (flags: ListFlags) => {
      await list(flags)
      finish(0)
    })
  runs
    .command('show <run-id>')
    .description('all that is known of one run')
    .option('--console', 'print the console as it was recorded')
    .option(
      '--output',
      'print what the command printed, as far as it was kept (4 MiB of each stream)',
    )
    .option('--show-qemu', "print QEMU's command line, for a shell")
    .option('--json', 'as JSON')
    .action(async (id: string, flags: ShowFlags) => {
      await show(id, flags)
      finish(0)
    })
  runs
    .command('replay <run-id>')
    .description(
      'the same kernel, machine, command and input again; exits with 0 when it ends in the same way, else with 1',
    )
    .option(
      '--env <name=value>',
      'a variable that it was given, whose value is not kept; may be repeated',
      collect,
      [],
    )
    .option('--repeat <n>', 'so many times: exits with 0 when any ends in the same way', integer)
    .option('--jobs <n>', 'with --repeat: so many at a time', integer, 1)
    .option('--until-same', 'with --repeat: stop at the first that ends in the same way')
    .option('--json', 'print both outcomes as JSON on stdout; the command prints on stderr')
    .option('-q, --quiet', "nothing but the command's own output")
    .action(async (id: string, flags: ReplayFlags) =>
      finish(
        replayFlags(flags).repeat === undefined
          ? await replay(id, flags)
          : await replayMany(id, flags),
      ),
    )
  addRemovals(runs, finish)
}

function addRemovals(runs: Command, finish: (code: number) => void): void {
  runs
    .command('rm <run-id...>')
    .description('remove runs that are over, with all that is kept of them')
    .action(async (ids: string[]) => {
      await remove(ids)
      finish(0)
    })
  runs
    .command('prune')
    .description('remove the oldest runs, until number and size fit')
    .option('--keep <n>', 'how many to keep (default: limits.runs)', integer)
    .option('--size <size>', 'what they may take (default: limits.runsSize)')
    .option('--json', 'as JSON')
    .action(async (flags: PruneFlags) => {
      await prune(flags)
      finish(0)
    })
}

async function open() {
  const [lab, useCases] = await Promise.all([lookingLab(), history()])
  return { lab, useCases }
}

async function list({ json, limit, outcome, kernel, command }: ListFlags): Promise<void> {
  const { lab, useCases } = await open()
  const runs = await useCases.listRuns(lab, {
    limit,
    ...(outcome !== undefined && { outcome }),
    ...(kernel !== undefined && { kernel }),
    ...(command !== undefined && { command }),
  })
  if (json) {
    out.json(runs)
    return
  }
  const rows = runs.map((run) => [
    run.id,
    date(run.startedAt),
    run.outcome === null ? 'running' : run.outcome.kind,
    run.exitCode === null ? '' : String(run.exitCode),
    run.durationMs === null ? '' : formatDuration(run.durationMs),
    run.release ?? '',
    oneLine(run.argv),
  ])
  if (rows.length === 0) out.line('no runs')
  else out.line(table(['id', 'started', 'outcome', 'exit', 'took', 'release', 'command'], rows))
}

async function show(id: string, flags: ShowFlags): Promise<void> {
  const { lab, useCases } = await open()
  const run = await useCases.showRun(lab, id)
  if (flags.console) {
    await out.recorded([await useCases.consoleOf(run)])
    return
  }
  if (flags.output) {
    const { stdout, stderr } = await useCases.outputOf(lab, run)
    await out.recorded([stdout])
    await err.recorded([stderr])
    return
  }
  if (flags.showQemu) {
    if (!run.qemu) throw new UsageError(`run ${run.id} never came to QEMU, or goes on`)
    out.line(field(run.qemu.map(shellWord).join(' '), Number.POSITIVE_INFINITY))
    return
  }
  if (flags.json) {
    out.json(run)
    return
  }
  const { reports, phases, outcome, argv, machine, peakMemoryKiB, durationMs, qemu, ...rest } = run
  const rows: [string, string][] = [
    ...Object.entries(rest).map(([name, value]): [string, string] => [name, String(value ?? '-')]),
    ['command', argv.join(' ')],
    [
      'machine',
      Object.entries(machine)
        .map(([name, value]) => `${name}=${String(value)}`)
        .join(' '),
    ],
    ['outcome', outcome === null ? 'running' : useCases.describeStored(outcome)],
    ['took', durationMs === null ? '-' : formatDuration(durationMs)],
    [
      'phases',
      Object.entries(phases)
        .map(([name, ms]) => `${name} ${formatDuration(ms)}`)
        .join(', '),
    ],
    ['qemu', qemu?.map(shellWord).join(' ') ?? '-'],
    ['peak memory', peakMemoryKiB === null ? '-' : formatBytes(peakMemoryKiB * 1024)],
  ]
  for (const [name, value] of rows) out.line(`${name.padEnd(12)} ${value}`)
  for (const { title, text } of reports) out.line(shown`\nreport: ${title}\n${block(text)}`)
}

function replayFlags(flags: ReplayFlags): ReplayFlags {
  if (flags.repeat !== undefined || (flags.jobs === 1 && !flags.untilSame)) return flags
  throw new UsageError('--jobs and --until-same go with --repeat')
}

async function replay(
  id: string,
  { json = false, quiet = false, env }: ReplayFlags,
): Promise<number> {
  const [{ replayRun }, lab] = await Promise.all([replaying(), currentLab()])
  const status = new Status({ quiet, verbose: false })
  using interrupts = processInterrupts(() =>
    status.line('asked the command to stop; once more ends the VM'),
  )
  using terminal = await localTerminal({
    ...{ tty: false, stdin: false, onEscape: () => undefined },
    stdoutTo: json ? 'stderr' : 'stdout',
  })
  try {
    const replayed = await replayRun(
      lab,
      { id, env },
      {
        ...{ terminal, interrupts },
        onEvent: (event) => status.handle(event),
      },
    )
    const { of, before, isSame } = replayed
    if (json) out.json(replayed)
    status.line(
      isSame ? `as run ${of}` : `not as run ${of}, which ended so: ${describeOutcome(before)}`,
    )
    return isSame ? 0 : 1
  } finally {
    status.clear()
  }
}

async function replayMany(id: string, flags: ReplayFlags): Promise<number> {
  const { json = false, quiet = false, env, repeat: count = 1, jobs, untilSame = false } = flags
  const [{ replayOften }, lab, { outcomeLines, withTable }] = await Promise.all([
    replaying(),
    currentLab(),
    import('../render/repeat-table.ts'),
  ])
  const status = new Status({ quiet, verbose: false })
  using interrupts = processInterrupts(() => undefined)
  const summary = await withTable(count, { status, quiet }, (onEvent) =>
    replayOften(lab, { id, env, count, jobs, untilSame }, { stop: interrupts.stop, onEvent }),
  )
  const { of, before, same, runs } = summary
  if (json) out.json(summary)
  else {
    for (const line of outcomeLines(summary)) status.line(line)
    status.line(`${same} of ${runs} as run ${of}: ${describeOutcome(before)}`)
  }
  if (same > 0) return 0
  return interrupts.stop.aborted ? summary.exitCode : 1
}

async function remove(ids: readonly string[]): Promise<void> {
  const [lab, { removeRun }] = await Promise.all([currentLab(), runRemoval()])
  for (const id of ids) out.line(`removed ${await removeRun(lab, id)}`)
}

async function prune({ json, keep, size }: PruneFlags): Promise<void> {
  const { lab, useCases } = await open()
  const bytes = size === undefined ? lab.config.limits.runsSize : parseSizeBytes(size)
  if (bytes === undefined) throw new UsageError(`--size ${size} is not a size such as 500M`)
  printPruned(await useCases.pruneHistory(lab, { runs: keep ?? lab.config.limits.runs, bytes }), {
    json: json ?? false,
  })
}

function oneLine(argv: readonly string[]): string {
  const text = argv.join(' ').replaceAll(/\s+/g, ' ')
  return text.length > 60 ? `${text.slice(0, 59)}…` : text
}
