import type { Readable } from 'node:stream'

import { LogAnalysis, LogReader, type LogSummary } from '../../crash/index.ts'
import { readLog } from './parse.ts'

/** A log, counted: and the reports in it, by title. */
export interface AnalysedLog extends LogSummary {
  readonly file: string
  readonly reports: readonly { readonly title: string; readonly count: number }[]
}

/** A line is not longer than this; what is behind belongs to no pattern. */
const MAX_LINE = 4_096

/** Counts what a log says: a file, compressed or not, or a stream. Constant memory. Throws InfraError when it cannot be read. */
export async function analyseLog(
  source: string | Readable,
  onBytes: (bytes: number) => void = () => undefined,
): Promise<AnalysedLog> {
  const titles = new Map<string, number>()
  const reports = new LogReader(({ title }) => titles.set(title, (titles.get(title) ?? 0) + 1))
  const analysis = new LogAnalysis()
  let carry = ''
  let bytes = 0
  for await (const chunk of readLog(source)) {
    reports.push(chunk)
    const lines = (carry + chunk.toString('latin1')).split('\n')
    carry = (lines.pop() ?? '').slice(0, MAX_LINE)
    for (const line of lines) analysis.line(line.replace(/\r$/, ''))
    onBytes((bytes += chunk.length))
  }
  if (carry !== '') analysis.line(carry)
  reports.end()
  return {
    file: typeof source === 'string' ? source : '-',
    ...analysis.summary(),
    reports: [...titles]
      .map(([title, count]) => ({ title, count }))
      .toSorted((a, b) => b.count - a.count),
  }
}
