export { buildChosen, type KernelChoice } from './choose-kernel.ts'
export type { Interrupts, Terminal } from './command.ts'
export {
  backupConfig,
  editConfig,
  editedFile,
  getSetting,
  listSettings,
  problemsIn,
  restoreConfig,
  setSetting,
} from './config/edit.ts'
export { configJsonSchema } from './config/leaves.ts'
export { machineFor, type MachineInput } from './config/machine.ts'
export { openLab, type Lab } from './context.ts'
export { examineHost, installMissing, type Diagnosis, type Finding } from './doctor.ts'
export type { LabEvent } from './events.ts'
export {
  cleanCache,
  consoleOf,
  describeStored,
  kernelStore,
  listRuns,
  pruneHistory,
  removeKernel,
  showRun,
} from './history.ts'
export { passOutputThrough } from './raw-terminal.ts'
export { runInVm, type RunRequest, type RunResult } from './run.ts'
export { describeOutcome } from './verdict.ts'
