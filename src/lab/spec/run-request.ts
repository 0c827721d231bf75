import type { AllowRule } from '../outcome/allow-rule.ts'
import type { RunPolicy } from '../outcome/crash-policy.ts'
import type { VmSpec } from './vm-spec.ts'

/** The command of a run. */
export interface CommandSpec {
  /** Empty for a shell. */
  readonly argv: readonly string[]
  /** An account of this machine, and so of the guest, by name or number. */
  readonly user: string
  readonly cwd?: string
  /** NAME to pass on, NAME=VALUE to set. */
  readonly env: readonly string[]
  /** A terminal of that size; without it, pipes. */
  readonly tty?: { readonly rows: number; readonly cols: number }
}

/** How long something may take, and be silent; null for as long as it likes. */
export interface Limits {
  readonly timeoutMs: number | null
  readonly idleTimeoutMs: number | null
}

/** What is made of how it went. */
export interface Judge<Policy = RunPolicy> {
  readonly allowReports: readonly AllowRule[]
  readonly onCrash: Policy
  /** How long late reports are waited for. */
  readonly graceMs: number
  readonly limits: Limits
}

/** One command in one VM, as it is asked for: data alone. */
export interface RunRequest {
  readonly vm: VmSpec
  readonly command: CommandSpec
  readonly judge: Judge
}
