import { readFileSync } from 'node:fs'

import {
  guiltyFile,
  LogAnalysis,
  LogReader,
  namedAddress,
  scrub,
  waitingTasks,
} from '../../src/crash/index.ts'
import { diagnose } from '../../src/vm/running/diagnosis.ts'

/** All that klab reads in what a guest has written. */
export function readLikeKlab(path: string): void {
  const bytes = readFileSync(path)
  const reports: string[] = []
  const reader = new LogReader(({ text }) => reports.push(text))
  for (let at = 0; at < bytes.length; at += 65_536) reader.push(bytes.subarray(at, at + 65_536))
  reader.end()
  const text = bytes.toString('latin1')
  const lines = text.split('\n')
  const analysis = new LogAnalysis()
  for (const line of lines) analysis.line(line.slice(0, 4_096))
  analysis.summary()
  scrub(text, { home: '/home/ada', user: 'ada', host: 'engine' })
  for (const report of reports) {
    guiltyFile(report)
    for (const line of report.split('\n')) namedAddress(line)
  }
  // The console keeps the last lines, each of at most 4096 bytes.
  const console = lines.slice(-64).map((line) => line.slice(0, 4_096))
  waitingTasks(console)
  diagnose({
    ...{ phase: 'kernel', consoleLines: console, qemuStderr: text.slice(-65_536) },
    ...{ waited: '1s', consoleOption: 'SERIAL' },
  })
}
