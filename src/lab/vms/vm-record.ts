import { hasFields, isRecord, isStringList } from '../../base/index.ts'
import { isProcessIdentity, type ProcessIdentity } from '../../host/index.ts'
import type { Snapshot } from '../boot/boot-request.ts'
import type { PublishedPort } from '../outcome/events.ts'
import { keptEnv } from '../history/kept-env.ts'
import { isOutcome } from '../outcome/is-outcome.ts'
import type { Outcome } from '../outcome/outcome.ts'
import type { Judge } from '../spec/run-request.ts'
import type { VmSpec } from '../spec/vm-spec.ts'

/** What a VM that stays was asked to be; it can be started again with this. */
export interface KeptRequest {
  /** The name it had at first: its host name for good. */
  readonly name: string
  /** With a kernel that is ready: id, path or release. */
  readonly vm: VmSpec
  readonly judge: Judge
  readonly cwd: string
  /** The names of variables for every command in it; its keeper knows the values that the configuration gives. */
  readonly env: readonly string[]
}

export interface VmRecord {
  readonly id: string
  /** A run is here as long as its klab lives; absent for a VM that stays. */
  readonly kind?: 'run'
  readonly createdAt: string
  readonly request: KeptRequest
  readonly kernel: string
  readonly release: string | undefined
  readonly state: 'starting' | 'running' | 'paused' | 'stopped'
  /** The life it lives now, or has lived last, in the history of runs. */
  readonly runId: string
  /** What this life goes on from. */
  readonly snapshot?: Snapshot
  readonly keeper?: ProcessIdentity
  readonly qemu?: ProcessIdentity
  /** Those that serve it, by what they are for people. */
  readonly daemons?: Readonly<Record<string, ProcessIdentity>>
  /** By how much its guest is slower than a plain one under KVM. */
  readonly slowness?: number
  /** The ports of this life on this machine. */
  readonly published?: readonly PublishedPort[]
  readonly startedAt?: string
  readonly endedAt?: string
  readonly outcome?: Outcome
  /** The first complaint of its kernel in this life that counts. */
  readonly complaint?: string | undefined
}

const FIELDS = {
  id: 'string',
  createdAt: 'string',
  request: 'object',
  kernel: 'string',
  state: 'string',
  runId: 'string',
} as const

const STATES: readonly unknown[] = [
  'starting',
  'running',
  'paused',
  'stopped',
] satisfies VmRecord['state'][]

/** With names of variables alone, and not the values that klabs before this one kept. */
export function withoutValues(record: VmRecord): VmRecord {
  return { ...record, request: { ...record.request, env: keptEnv(envOf(record)).env } }
}

export function hasValues(record: VmRecord): boolean {
  return envOf(record).some((item) => item.includes('='))
}

/** What a record has that was written by any klab. */
function envOf({ request }: VmRecord): readonly string[] {
  const env: unknown = request.env
  return isStringList(env) ? env : []
}

/** Whether what was written down is a VM, perhaps of another klab: what it was asked to be is looked at when it is used. */
export function isVmRecord(value: unknown): value is VmRecord {
  if (!hasFields(value, FIELDS) || !STATES.includes(value['state'])) return false
  const { keeper, qemu, daemons = {}, published, outcome, complaint } = value
  return (
    isRecord(daemons) &&
    [keeper, qemu, ...Object.values(daemons)].every(
      (process) => process === undefined || isProcessIdentity(process),
    ) &&
    (published === undefined || Array.isArray(published)) &&
    (outcome === undefined || isOutcome(outcome)) &&
    (complaint === undefined || typeof complaint === 'string')
  )
}
