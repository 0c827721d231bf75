import type { BuildEvent } from '../../kernel/index.ts'
import type { FoundReport } from '../../crash/index.ts'
import type { Phase } from '../../vm/index.ts'
import type { Outcome } from './outcome.ts'

/** Everything that happens while a run goes on. The command line renders it, `--events` prints it as NDJSON. */
type EventBody =
  | { readonly kind: 'note'; readonly message: string }
  | { readonly kind: 'build'; readonly build: BuildEvent }
  | { readonly kind: 'kernel'; readonly origin: string; readonly image: string }
  | { readonly kind: 'accelerator'; readonly accel: 'kvm' | 'tcg'; readonly why: string }
  /** For room beside other VMs. */
  | { readonly kind: 'waiting'; readonly why: string }
  | { readonly kind: 'run'; readonly id: string; readonly dir: string }
  /** `impossible`: the VM boots instead, and `why` says what a template cannot carry. */
  | {
      readonly kind: 'template'
      readonly key: string
      readonly action: 'made' | 'discarded' | 'impossible'
      readonly why: string
    }
  /** The guest has begun anew: it reset its machine, or started another kernel. Its phases follow once more. */
  | { readonly kind: 'reboot'; readonly way: 'reset' | 'kexec' }
  | ({ readonly kind: 'published' } & PublishedPort)
  /** The whole command line of the VM's QEMU. */
  | { readonly kind: 'qemu'; readonly argv: readonly string[] }
  | { readonly kind: 'phase'; readonly phase: Phase; readonly ms: number }
  /** `allowed`: why it does not count. */
  | { readonly kind: 'report'; readonly report: FoundReport; readonly allowed?: string }
  | {
      readonly kind: 'outcome'
      readonly outcome: Outcome
      readonly exitCode: number
      readonly durationMs: number
    }

/** `run`: the id of the run that it is of; absent before there is one, as while a kernel is built. */
export type LabEvent = EventBody & { readonly run?: string }
/** A port of the guest on this machine, as it came to be. */
export interface PublishedPort {
  readonly address: string
  readonly hostPort: number
  readonly guestPort: number
  readonly protocol: string
}

export type OnEvent = (event: LabEvent) => void
