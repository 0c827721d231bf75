import { formatBytes } from '../../base/index.ts'
import { crashes, type FoundReport } from '../../lab/index.ts'
import { currentPaths } from '../lab.ts'
import { Progress } from '../render/progress.ts'

export interface ParseFlags {
  readonly text?: boolean
  readonly vmlinux?: string
  readonly modules?: string
  readonly json?: boolean
  readonly exitCode?: boolean
}

/** Prints the reports of logs; returns the exit code. */
export async function parse(files: readonly string[], flags: ParseFlags): Promise<number> {
  const { parseLog } = await crashes()
  const found: { file: string; reports: FoundReport[] }[] = []
  for (const file of files) {
    using progress = new Progress()
    const reports = await parseLog(file === '-' ? process.stdin : file, {
      onBytes: (bytes) => progress.show(`${file}: ${formatBytes(bytes)} read`),
    })
    found.push({ file, reports: await placed(reports, flags) })
  }
  if (flags.json) console.log(JSON.stringify(found, null, 2))
  else
    for (const { file, reports } of found)
      printReports(file, reports, flags.text ?? flags.vmlinux !== undefined)
  const isCrashed = found.some(({ reports }) => reports.length > 0)
  return isCrashed && flags.exitCode ? 100 : 0
}

async function placed(
  reports: FoundReport[],
  { vmlinux, modules }: ParseFlags,
): Promise<FoundReport[]> {
  if (vmlinux === undefined) return reports
  const [{ Symbolizer }, { cache }] = await Promise.all([crashes(), currentPaths()])
  const symbols = new Symbolizer({ vmlinux, modules, cacheDir: cache })
  const all: FoundReport[] = []
  // One after another: what one finds serves the next.
  for (const report of reports)
    all.push({
      ...report,
      text: await symbols.symbolised(report.text, report.circumstances.release),
    })
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
      ...(report.cause === undefined ? [] : ['a consequence of an earlier one']),
      ...(panicked ? ['the kernel panicked'] : []),
      ...(command === undefined ? [] : [`in ${command} (${pid})`]),
      ...(release === undefined ? [] : [`on ${release}${taint ? `, tainted ${taint}` : ''}`]),
    ]
    console.log(`${file}:${start}-${stop}: ${title}\n  ${facts.join('; ')}`)
    if (whole) console.log(`\n${text.trimEnd()}\n`)
  }
}
