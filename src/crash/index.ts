export { archFacts, type Arch } from './arch/arch.ts'
export { AddressSpace } from './dump/address-space.ts'
export { formatRecord, readKernelLog } from './dump/kernel-log.ts'
export { KernelState, type MemoryUse, type ModuleRange, type Task } from './dump/kernel-state.ts'
export { Layout, LAYOUT_EXPRESSIONS } from './dump/layout.ts'
export { elfOf } from './dump/elf-writer.ts'
export { writesOfFlattened } from './dump/flattened.ts'
export { openDump, openKdump } from './dump/open.ts'
export { DumpError, type Dump, type Source } from './dump/source.ts'
export { sleepingRegisters, stepOf, unwind, type StackFrame } from './dump/unwind.ts'
export { Vmcoreinfo } from './dump/vmcoreinfo.ts'
export type { BugKind } from './rows/kinds.ts'
export {
  differenceOf,
  LogAnalysis,
  type LogDifference,
  type LogSummary,
  type Pattern,
} from './log/log-analysis.ts'
export { LogReader } from './log/log-reader.ts'
export { codeBytesOf, readDisassembly, type Instruction } from './symbols/code-bytes.ts'
export { circumstancesOf, type Circumstances } from './report/facts.ts'
export { framesOf } from './report/fingerprint.ts'
export { guiltyFile } from './report/guilty-file.ts'
export { scrub, type Private } from './report/scrub.ts'
export { severityOf, type Severity } from './report/severity.ts'
export { withoutClones } from './report/symbol-names.ts'
export { whyOf, type Why } from './report/why.ts'
export { ROLES } from './roles/rules.ts'
export type { Frame } from './report/trace.ts'
export {
  namedAddress,
  readAddr2line,
  SymbolTable,
  withPlaces,
  type NamedAddress,
  type Place,
} from './symbols/symbols.ts'
export { waitingTasks, type WaitingTask } from './log/stuck-tasks.ts'
export { ReportScanner, type FoundReport } from './log/report-scanner.ts'
