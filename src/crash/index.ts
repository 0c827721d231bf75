export type { BugKind } from './kinds.ts'
export { LogReader } from './log-reader.ts'
export { ReportScanner, type FoundReport } from './report-scanner.ts'
