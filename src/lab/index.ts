export { buildChosen, type KernelChoice } from './choose-kernel.ts'
export type { Interrupts, Terminal } from './command.ts'
export { configJsonSchema } from './config/leaves.ts'
export { machineFor, type MachineInput } from './config/machine.ts'
export { openLab, type Lab } from './context.ts'
export type { Diagnosis, Finding } from './doctor.ts'
export type { LabEvent } from './events.ts'
export { passOutputThrough } from './raw-terminal.ts'
export { runInVm, type RunRequest, type RunResult } from './run.ts'
export { describeOutcome } from './verdict.ts'

// What most commands do without is loaded by those that need it: a run must not pay for it.
export const configEditing = () => import('./config/edit.ts')
export const doctor = () => import('./doctor.ts')
export const history = () => import('./history.ts')
