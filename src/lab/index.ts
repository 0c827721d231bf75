export type { FoundReport, Why } from '../crash/index.ts'
export type { KernelChoice } from './spec/kernel-choice.ts'
export type { Interrupts, Terminal } from './session/terminal.ts'
export type { MachineInput } from './config/machine.ts'
export type { Lab } from './session/context.ts'
export type { Diagnosis, Finding } from './doctor/doctor.ts'
export type { Exposure } from './doctor/exposed.ts'
export type { Inspection } from './dumps/index.ts'
export type { LabEvent, PublishedPort } from './outcome/events.ts'
export type { AnalysedLog, LogDifference, Pattern } from './logs/index.ts'
export type { Deed } from './audit/audit-log.ts'
export { askedFor } from './outcome/allow-rule.ts'
export { RUN_POLICIES, VM_POLICIES } from './outcome/crash-policy.ts'
export { describeOutcome, exitCodeOf, type Outcome } from './outcome/outcome.ts'
export type { Paths } from './session/paths.ts'
export type { TrustQuestion } from './session/trust.ts'
export type { RepeatEvent } from './run/repeat.ts'
export type { RepeatSummary } from './run/tally.ts'
export type { RunResult } from './run/run.ts'
export { ownAccount } from './session/own-account.ts'
export type { CommandSpec, RunRequest } from './spec/run-request.ts'
export type { NameKind } from './names/names.ts'
export type { NamedVm, VmUsage } from './vms/index.ts'

// Use cases are loaded by the commands that need them: starting klab must cost next to nothing.
export const auditing = () => import('./audit/audit-log.ts')
export const crashes = () => import('./crashes/index.ts')
export const configEditing = () => import('./config/edit.ts')
export const configLeaves = () => import('./config/leaves.ts')
export const context = () => import('./session/context.ts')
export const debugging = () => import('./debug/index.ts')
export const doctor = () => import('./doctor/doctor.ts')
export const exposure = () => import('./doctor/exposed.ts')
export const firstLook = () => import('./doctor/first-look.ts')
export const dumps = () => import('./dumps/index.ts')
export const specs = () => import('./spec/from-config.ts')
export const guestUser = () => import('./session/guest-user.ts')
export const history = () => import('./history/history.ts')
export const runRemoval = () => import('./history/remove-run.ts')
export const kernelCache = () => import('./kernels/kernel-cache.ts')
export const kernels = () => import('./kernels/choose-kernel.ts')
export const logs = () => import('./logs/index.ts')
export const machines = () => import('./config/machine.ts')
export const naming = () => import('./names/names.ts')
export const netSwitch = () => import('./net/switch.ts')
export const paths = () => import('./session/paths.ts')
export const rawTerminal = () => import('./session/raw-terminal.ts')
export const repeating = () => import('./run/repeat.ts')
export const replaying = () => import('./run/replay.ts')
export const running = () => import('./run/run.ts')
export const ssh = () => import('./ssh/client.ts')
export const symbols = () => import('./symbols/symbolizer.ts')
export const trusting = () => import('./session/trust.ts')
export const templates = () => import('./boot/templates.ts')
export const vmDumping = () => import('./vms/dump.ts')
export const vmMemory = () => import('./vms/vm-memory.ts')
export const vmKeeping = () => import('./vms/keeper.ts')
export const vmStarting = () => import('./vms/start.ts')
export const vmCopying = () => import('./vms/copy.ts')
export const vmSnapshots = () => import('./vms/snapshots.ts')
export const vms = () => import('./vms/index.ts')
