import { block, formatBytes, json, shown } from '../../base/index.ts'
import { logs, symbols, type FoundReport, type Why } from '../../lab/index.ts'
import { currentPaths } from '../lab.ts'
import { Progress } from '../render/progress.ts'
import { out } from '../render/print.ts'
import { printWhy } from '../render/why.ts'

export interface ParseFlags {
  readonly text?: boolean
  readonly why?: boolean
  readonly vmlinux?: string
  readonly modules?: string
  readonly json?: boolean
  readonly exitCode?: boolean
}

/** Prints the reports of logs as they are found; returns the exit code. */
export async function parse(files: readonly string[], flags: ParseFlags): Promise<number> {
  const why = flags.why ? (await logs()).whyOf : undefined
  const print = flags.json ? new JsonPrinter() : new TextPrinter(flags)
  let count = 0
  for (const file of files) {
    print.begin(file)
    for await (const report of reportsOf(file, flags)) {
      print.report(file, report, why?.(report))
      count++
    }
    print.end(file)
  }
  print.close()
  return count > 0 && flags.exitCode ? 100 : 0
}

/** Reports. Left alone, V8 collects the old garbage of a small heap when there is twice as much of it as of what is needed; `klab` exposes its gc to this command. */
const COLLECT_EVERY = 300

async function* reportsOf(file: string, flags: ParseFlags): AsyncGenerator<FoundReport> {
  const { parseLog } = await logs()
  const symbolizer = await symbolizerFor(flags)
  using progress = new Progress()
  const reports = parseLog(file === '-' ? process.stdin : file, {
    onBytes: (bytes) => progress.show(`${file}: ${formatBytes(bytes)} read`),
  })
  let count = 0
  for await (const report of reports) {
    progress.clear()
    if (++count % COLLECT_EVERY === 0) globalThis.gc?.()
    const { text, circumstances } = report
    yield symbolizer
      ? { ...report, text: await symbolizer.symbolised(text, circumstances.release) }
      : report
  }
}

async function symbolizerFor({ vmlinux, modules }: ParseFlags) {
  if (vmlinux === undefined) return undefined
  const [{ Symbolizer }, { cache }] = await Promise.all([symbols(), currentPaths()])
  return new Symbolizer({ vmlinux, modules, cacheDir: cache })
}

/** One JSON text, written piece by piece: a log may have more reports than memory. */
class JsonPrinter {
  #files = 0
  #reports = 0

  begin(file: string): void {
    this.#reports = 0
    const comma = this.#files++ === 0 ? '[' : ','
    out.part(shown`${comma}\n  {"file": ${json(file)}, "reports": [`)
  }

  report(_file: string, report: FoundReport, why: Why | undefined): void {
    const lines = String(json(why ? { ...report, why } : report, 2)).replaceAll(/^/gm, '    ')
    const comma = this.#reports++ === 0 ? '' : ','
    out.part(shown`${comma}\n${block(lines, Number.POSITIVE_INFINITY)}`)
  }

  end(): void {
    out.part(shown`]}`)
  }

  close(): void {
    out.part(shown`\n]\n`)
  }
}

class TextPrinter {
  readonly #isWhole: boolean
  #reports = 0

  constructor({ text, vmlinux }: ParseFlags) {
    this.#isWhole = text ?? vmlinux !== undefined
  }

  begin(): void {
    this.#reports = 0
  }

  report(file: string, report: FoundReport, why: Why | undefined): void {
    this.#reports++
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
    out.line(`${file}:${start}-${stop}: ${title}`)
    out.line(`  ${facts.join('; ')}`)
    if (why) printWhy(why)
    if (this.#isWhole) out.line(shown`\n${block(text.trimEnd())}\n`)
  }

  end(file: string): void {
    if (this.#reports === 0) out.line(`${file}: no reports`)
  }

  close(): void {}
}
