export type { ReportKind } from './patterns.ts'
export { ReportScanner, type Report } from './report-scanner.ts'
