import type { MachineConfig } from '../config/schema.ts'
import type { AllowRule } from '../outcome/allow-rule.ts'
import type { RunPolicy } from '../outcome/crash-policy.ts'
import type { KernelChoice } from './kernel-choice.ts'

export interface RunRequest {
  readonly choice: KernelChoice
  readonly machine: MachineConfig
  /** Empty for a shell. */
  readonly argv: readonly string[]
  readonly user: string
  readonly cwd?: string
  readonly env: readonly string[]
  readonly tty?: { readonly rows: number; readonly cols: number }
  readonly allowReports: readonly AllowRule[]
  readonly graceMs: number
  readonly onCrash: RunPolicy
  /** Boot, and do not clone a template. */
  readonly fresh: boolean
  /** It runs beside others: together they have more virtual CPUs than this machine has CPUs. */
  readonly crowded?: boolean
  readonly agentPath?: string
}
