export { AddressSpace } from './dump/address-space.ts'
export { buildIdOf } from './dump/build-id.ts'
export { formatRecord, readKernelLog } from './dump/kernel-log.ts'
export { KernelState, type MemoryUse, type ModuleRange, type Task } from './dump/kernel-state.ts'
export { Layout, LAYOUT_EXPRESSIONS } from './dump/layout.ts'
export { elfOf } from './dump/elf-writer.ts'
export { writesOfFlattened } from './dump/flattened.ts'
export { openDump, openKdump } from './dump/open.ts'
export { OrcTable } from './dump/orc.ts'
export { DumpError, type Dump, type Source } from './dump/source.ts'
export { sleepingRegisters, unwind, type StackFrame } from './dump/unwind.ts'
export { Vmcoreinfo } from './dump/vmcoreinfo.ts'
export type { BugKind } from './kinds.ts'
export {
  differenceOf,
  LogAnalysis,
  type LogDifference,
  type LogSummary,
  type Pattern,
} from './log-analysis.ts'
export { LogReader } from './log-reader.ts'
export { codeBytesOf, readDisassembly, type Instruction } from './code-bytes.ts'
export { circumstancesOf, type Circumstances } from './facts.ts'
export { framesOf } from './fingerprint.ts'
export { guiltyFile } from './guilty-file.ts'
export { scrub, type Private } from './scrub.ts'
export { severityOf, type Severity } from './severity.ts'
export { withoutClones } from './title.ts'
export type { Frame } from './trace.ts'
export {
  namedAddress,
  readAddr2line,
  SymbolTable,
  withPlaces,
  type NamedAddress,
  type Place,
} from './symbols.ts'
export { waitingTasks, type WaitingTask } from './stuck-tasks.ts'
export { ReportScanner, type FoundReport } from './report-scanner.ts'
