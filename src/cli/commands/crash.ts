import type { Command } from 'commander'

import { formatBytes, formatDuration } from '../../base/index.ts'
import { crashes, type FoundReport } from '../../lab/index.ts'
import { currentLab, currentPaths } from '../lab.ts'
import { date } from '../render/date.ts'
import { Progress } from '../render/progress.ts'
import { table } from '../render/table.ts'

const HELP = `
Examples:
  klab crash parse /var/log/kern.log console.log.gz
  dmesg | klab crash parse - --text
  klab crash ls
  klab crash show "WARNING in foo"
  klab crash runs 3f2a`

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
    .option('--json', 'as JSON')
    .option('--exit-code', 'exit with 100 when there is a report')
    .action(async (files: string[], flags: ParseFlags) => finish(await parse(files, flags)))
  crash
    .command('ls')
    .description('crashes of all recorded runs, seen last first')
    .option('--json', 'as JSON')
    .action(async ({ json }: { json?: boolean }) => {
      await list(json ?? false)
      finish(0)
    })
  crash
    .command('show <crash>')
    .description('one crash: the beginning of its id, or a part of its title')
    .option('--json', 'as JSON')
    .action(async (wanted: string, { json }: { json?: boolean }) => {
      await show(wanted, json ?? false)
      finish(0)
    })
  crash
    .command('runs <crash>')
    .description('the runs that saw a crash, newest first')
    .option('--json', 'as JSON')
    .action(async (wanted: string, { json }: { json?: boolean }) => {
      await runs(wanted, json ?? false)
      finish(0)
    })
}

interface ParseFlags {
  readonly text?: boolean
  readonly vmlinux?: string
  readonly json?: boolean
  readonly exitCode?: boolean
}

async function parse(files: readonly string[], flags: ParseFlags): Promise<number> {
  const { parseLog } = await crashes()
  const found: { file: string; reports: FoundReport[] }[] = []
  for (const file of files) {
    using progress = new Progress()
    const reports = await parseLog(file === '-' ? process.stdin : file, {
      onBytes: (bytes) => progress.show(`${file}: ${formatBytes(bytes)} read`),
    })
    found.push({ file, reports: await placed(reports, flags.vmlinux) })
  }
  if (flags.json) console.log(JSON.stringify(found, null, 2))
  else
    for (const { file, reports } of found)
      printReports(file, reports, flags.text ?? flags.vmlinux !== undefined)
  const isCrashed = found.some(({ reports }) => reports.length > 0)
  return isCrashed && flags.exitCode ? 100 : 0
}

async function placed(reports: FoundReport[], vmlinux: string | undefined): Promise<FoundReport[]> {
  if (vmlinux === undefined) return reports
  const [{ symbolised }, { cache }] = await Promise.all([crashes(), currentPaths()])
  const one = async (report: FoundReport) => ({
    ...report,
    text: await symbolised(report.text, {
      ...{ vmlinux, release: report.circumstances.release, cacheDir: cache },
    }),
  })
  // One after another: they share a cache.
  const all: FoundReport[] = []
  for (const report of reports) all.push(await one(report))
  return all
}

function printReports(file: string, reports: readonly FoundReport[], whole: boolean): void {
  if (reports.length === 0) console.log(`${file}: no reports`)
  for (const report of reports) {
    const { title, kind = 'OTHER', damage, panicked, start, stop, circumstances, text } = report
    const { command, pid, release, taint } = circumstances
    const facts = [
      kind,
      ...(damage === undefined ? [] : [`damaged: ${damage}`]),
      ...(panicked ? ['the kernel panicked'] : []),
      ...(command === undefined ? [] : [`in ${command} (${pid})`]),
      ...(release === undefined ? [] : [`on ${release}${taint ? `, tainted ${taint}` : ''}`]),
    ]
    console.log(`${file}:${start}-${stop}: ${title}\n  ${facts.join('; ')}`)
    if (whole) console.log(`\n${text.trimEnd()}\n`)
  }
}

async function open() {
  const [lab, useCases] = await Promise.all([currentLab(), crashes()])
  return { lab, useCases }
}

async function list(json: boolean): Promise<void> {
  const { lab, useCases } = await open()
  const all = await useCases.listCrashes(lab)
  if (json) console.log(JSON.stringify(all, null, 2))
  else if (all.length === 0) console.log('no crashes')
  else {
    const rows = all.map(({ fingerprint, runs: count, firstSeen, lastSeen, title }) => [
      fingerprint.slice(0, 8),
      String(count),
      date(firstSeen),
      date(lastSeen),
      title,
    ])
    console.log(table(['id', 'runs', 'first seen', 'last seen', 'title'], rows))
  }
}

async function show(wanted: string, json: boolean): Promise<void> {
  const { lab, useCases } = await open()
  const crash = await useCases.showCrash(lab, wanted)
  if (json) {
    console.log(JSON.stringify(crash, null, 2))
    return
  }
  const { title, fingerprint, kind, seenBy, firstSeen, lastSeen, text, guiltyFile } = crash
  const [newest] = seenBy
  console.log(title)
  console.log(`\n${kind}, id ${fingerprint}`)
  console.log(
    `seen in ${seenBy.length} run${seenBy.length === 1 ? '' : 's'}, ${date(firstSeen)} to ${date(lastSeen)}, on ${[...new Set(seenBy.map(({ release }) => release ?? '?'))].join(', ')}`,
  )
  if (guiltyFile !== undefined) console.log(`file: ${guiltyFile}`)
  if (newest) {
    console.log(`\nnewest: run ${newest.id}, console ${newest.consolePath}`)
    console.log(`command: ${newest.argv.join(' ')}`)
  }
  console.log(`\n${text.trimEnd()}`)
}

async function runs(wanted: string, json: boolean): Promise<void> {
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
