import { field, formatBytes, formatDuration, shown, UsageError } from '../../base/index.ts'
import { logs, type AnalysedLog, type LogDifference, type Pattern } from '../../lab/index.ts'
import { lookingLab } from '../lab.ts'
import { Progress } from '../render/progress.ts'
import { cutTo } from '../render/columns.ts'
import { table } from '../render/table.ts'
import { out } from '../render/print.ts'

export interface AnalyseFlags {
  readonly compare?: boolean
  readonly top: number
  readonly json?: boolean
}

/** Prints what logs say, or how two of them differ: files, and consoles of VMs and runs. */
export async function analyse(names: readonly string[], flags: AnalyseFlags): Promise<void> {
  const { analyseLog, differenceOf } = await logs()
  if (flags.compare && names.length !== 2)
    throw new UsageError(`--compare takes two logs, and not ${names.length}`)
  const analysed: AnalysedLog[] = []
  for (const name of names) {
    const file = await fileOf(name)
    using progress = new Progress()
    const onBytes = (bytes: number) => progress.show(`${file}: ${formatBytes(bytes)} read`)
    analysed.push(await analyseLog(file === '-' ? process.stdin : file, onBytes))
  }
  const [one, other] = analysed
  if (flags.compare && one && other) {
    const difference = differenceOf(one, other)
    if (flags.json) out.json(difference)
    else printDifference(difference, flags.top)
    return
  }
  if (flags.json) out.json(analysed)
  else for (const log of analysed) printLog(log, flags.top)
}

async function fileOf(name: string): Promise<string> {
  const { consolePathOf, isFileName, namedLog } = await logs()
  return isFileName(name) ? name : consolePathOf(await namedLog(await lookingLab(), name))
}

function printLog(log: AnalysedLog, top: number): void {
  const { file, lines, seconds, errors, warnings, patterns, reports, phases, gaps } = log
  const rate =
    seconds === undefined || seconds <= 0 ? '' : `, ${(lines / seconds).toFixed(1)} a second`
  const time = seconds === undefined ? '' : ` in ${duration(seconds)}${rate}`
  out.line(`${file}: ${lines} lines${time}; ${errors} errors, ${warnings} warnings`)
  if (reports.length > 0)
    printTable(
      'reports',
      ['times', 'title'],
      reports.slice(0, top).map(({ count, title }) => [String(count), title]),
    )
  for (const kind of ['error', 'warning'] as const) {
    const some = patterns.filter((pattern) => pattern.class === kind)
    const sources = bySource(some)
    if (sources.length > 0)
      printTable(`${kind}s by source`, ['lines', 'source'], sources.slice(0, top))
    if (some.length > 0)
      printTable(`${kind}s`, ['lines', 'rate', 'first', 'at', 'text'], some.slice(0, top).map(row))
    if (some.length > top) out.line(`  … and ${some.length - top} more (--top)`)
  }
  if (phases.length > 1) {
    const rows = phases.map(({ name, at }, index) => [
      duration(at),
      `+${duration(at - (phases[index - 1]?.at ?? at))}`,
      name,
    ])
    printTable('boot', ['at', 'took', 'stage'], rows)
  }
  if (gaps.length > 0)
    printTable(
      'longest silences',
      ['at', 'for', 'after'],
      gaps.map(({ at, seconds: silent, after }) => [duration(at), duration(silent), cut(after)]),
    )
}

function printDifference({ added, gone, changed }: LogDifference, top: number): void {
  const show = (title: string, rows: readonly (readonly string[])[]) => {
    if (rows.length === 0) out.line(shown`\n${title}: none`)
    else
      printTable(
        `${title}: ${rows.length}`,
        ['', 'lines', 'first', 'text'],
        rows.slice(0, top).map((one) => [...one]),
      )
  }
  const line = (one: Pattern) => [
    one.class === 'other' ? '' : one.class,
    String(one.count),
    `line ${one.first.line}`,
    cut(one.first.text),
  ]
  show('new in the second', added.map(line))
  show('not in the second', gone.map(line))
  show(
    'three times as many, or a third',
    changed.map(({ pattern, before }) => [
      pattern.class === 'other' ? '' : pattern.class,
      `${before} → ${pattern.count}`,
      `line ${pattern.first.line}`,
      cut(pattern.first.text),
    ]),
  )
}

function row({ count, seconds, first }: Pattern): string[] {
  const rate =
    count > 1 && seconds !== undefined && seconds > 0
      ? `${((count - 1) / seconds).toPrecision(2)}/s`
      : ''
  return [
    String(count),
    rate,
    `line ${first.line}`,
    first.at === undefined ? '' : duration(first.at),
    cut(first.text),
  ]
}

function bySource(patterns: readonly Pattern[]): string[][] {
  const groups = Map.groupBy(patterns, ({ source }) => (source === '' ? '(no source)' : source))
  return [...groups]
    .map(([source, some]) => ({ source, lines: some.reduce((sum, { count }) => sum + count, 0) }))
    .toSorted((a, b) => b.lines - a.lines)
    .map(({ source, lines }) => [String(lines), source])
}

function printTable(title: string, head: string[], rows: string[][]): void {
  out.line(shown`\n${title}`)
  out.line(table(head, rows, '  '))
}

function duration(seconds: number): string {
  return formatDuration(seconds * 1000)
}

/** The beginning of a line of a log. */
function cut(text: string): string {
  return cutTo(field(text), 100)
}
