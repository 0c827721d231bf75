export type { FoundReport } from '../crash/index.ts'
export type { KernelChoice } from './choose-kernel.ts'
export type { Interrupts, Terminal } from './command.ts'
export type { MachineInput } from './config/machine.ts'
export type { Lab } from './context.ts'
export type { Diagnosis, Finding } from './doctor.ts'
export type { Inspection } from './dumps/index.ts'
export type { LabEvent } from './events.ts'
export type { AnalysedLog, LogDifference, Pattern } from './logs/index.ts'
export { askedFor } from './allow-rule.ts'
export { RUN_POLICIES, VM_POLICIES } from './crash-policy.ts'
export { describeOutcome, exitCodeOf, type Outcome } from './outcome.ts'
export type { Paths } from './paths.ts'
export type { RepeatEvent, RepeatSummary } from './repeat.ts'
export type { RunRequest, RunResult } from './run.ts'
export type { NamedVm, VmUsage } from './vms/index.ts'

// Use cases are loaded by the commands that need them: starting klab must cost next to nothing.
export const crashes = () => import('./crashes/index.ts')
export const configEditing = () => import('./config/edit.ts')
export const configLeaves = () => import('./config/leaves.ts')
export const context = () => import('./context.ts')
export const debugging = () => import('./debug/index.ts')
export const doctor = () => import('./doctor.ts')
export const dumps = () => import('./dumps/index.ts')
export const guestUser = () => import('./guest-user.ts')
export const history = () => import('./history.ts')
export const kernels = () => import('./choose-kernel.ts')
export const logs = () => import('./logs/index.ts')
export const machines = () => import('./config/machine.ts')
export const netSwitch = () => import('./net/switch.ts')
export const paths = () => import('./paths.ts')
export const rawTerminal = () => import('./raw-terminal.ts')
export const repeating = () => import('./repeat.ts')
export const replaying = () => import('./replay.ts')
export const running = () => import('./run.ts')
export const ssh = () => import('./ssh/client.ts')
export const symbols = () => import('./symbols/symbolizer.ts')
export const templates = () => import('./templates.ts')
export const vmDumping = () => import('./vms/dump.ts')
export const vmKeeping = () => import('./vms/keeper.ts')
export const vmStarting = () => import('./vms/start.ts')
export const vmCopying = () => import('./vms/copy.ts')
export const vmSnapshots = () => import('./vms/snapshots.ts')
export const vms = () => import('./vms/index.ts')
