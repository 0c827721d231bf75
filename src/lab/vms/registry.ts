import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'

import { InfraError, nearest, newId, UsageError } from '../../base/index.ts'
import { isAlive, type ProcessIdentity } from '../../host/index.ts'
import type { Snapshot } from '../boot/boot-request.ts'
import type { PublishedPort } from '../outcome/events.ts'
import type { Outcome } from '../outcome/outcome.ts'
import type { Paths } from '../session/paths.ts'
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
  /** For every command in it, as the configuration had them. */
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
  /** By how much its guest is slower than a plain one under KVM. */
  readonly slowness?: number
  /** The ports of this life on this machine. */
  readonly published?: readonly PublishedPort[]
  readonly startedAt?: string
  readonly endedAt?: string
  readonly outcome?: Outcome
}

export type NamedVm = VmRecord & { readonly name: string }

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/

/**
 * The VMs that stay, each a directory by its id, and a link to it by its name: links are made and replaced in one step, so
 * two klabs never give the same name.
 */
export class VmRegistry {
  readonly #dir: string

  constructor(paths: Paths) {
    this.#dir = join(paths.state, 'vms')
    mkdirSync(join(this.#dir, BY_NAME), { recursive: true, mode: 0o700 })
  }

  directory(id: string): string {
    return join(this.#dir, id)
  }

  /** All VMs by name, each set right if its keeper was killed. */
  list(): NamedVm[] {
    return readdirSync(join(this.#dir, BY_NAME))
      .toSorted()
      .flatMap((name) => this.find(name) ?? [])
  }

  /** The VM of a name. */
  find(name: string): NamedVm | undefined {
    const id = this.#idOf(name) ?? this.#idOf(`run-${name}`)
    const record = id === undefined ? undefined : this.read(id)
    return record && { ...record, name }
  }

  /** As find. Throws InfraError, with the name that was perhaps meant. */
  get(name: string): NamedVm {
    const vm = this.find(name)
    if (vm && !('vm' in vm.request))
      throw new InfraError(
        'VM',
        `the VM ${name} was made by a klab of another version; that one can use it, and klab rm ${name} forgets it`,
      )
    if (vm) return vm
    const near = nearest(name, readdirSync(join(this.#dir, BY_NAME)))
    throw new InfraError(
      'VM',
      `there is no VM ${name}; ${near ? `did you mean ${near}? ` : ''}klab ps lists them`,
    )
  }

  /** As get, for what can be done with a running VM alone. */
  getLive(name: string): NamedVm {
    const vm = this.get(name)
    if (vm.state !== 'stopped') return vm
    throw new InfraError('VM', `the VM ${name} does not run; start it with: klab start ${name}`)
  }

  /** Gives a name to a new VM. Throws UsageError for one that cannot be one, InfraError for one that is taken. */
  add(name: string, record: VmRecord): void {
    checkName(name)
    mkdirSync(this.directory(record.id), { recursive: true, mode: 0o700 })
    this.write(record)
    try {
      symlinkSync(join('..', record.id), this.#link(name))
    } catch (error) {
      rmSync(this.directory(record.id), { recursive: true, force: true })
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      throw new InfraError('VM', `there is a VM ${name} already; klab ps shows it`, {
        cause: error,
      })
    }
  }

  /** Throws as add does. */
  rename(from: string, to: string): void {
    const { id } = this.get(from)
    checkName(to)
    try {
      symlinkSync(join('..', id), this.#link(to))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      throw new InfraError('VM', `there is a VM ${to} already; klab ps shows it`, { cause: error })
    }
    rmSync(this.#link(from))
  }

  remove({ id, name }: NamedVm): void {
    rmSync(this.#link(name), { force: true })
    rmSync(this.directory(id), { recursive: true, force: true })
  }

  /** Removes a VM, whatever its name is by now. */
  forget(id: string): void {
    this.#drop(id)
  }

  write(record: VmRecord): void {
    const path = join(this.directory(record.id), FACTS)
    writeFileSync(`${path}.tmp`, JSON.stringify(record), { mode: 0o600 })
    renameSync(`${path}.tmp`, path)
  }

  /** A record as it is true now. */
  read(id: string): VmRecord | undefined {
    const path = join(this.directory(id), FACTS)
    if (!existsSync(path)) return undefined
    // Written by us above, whole or not at all.
    const record = JSON.parse(readFileSync(path, 'utf8')) as VmRecord
    const isKept = record.keeper !== undefined && isAlive(record.keeper)
    if (record.state === 'stopped' || isKept || isBeingStarted(record)) return record
    if (record.kind === 'run') {
      this.#drop(id)
      return undefined
    }
    // QEMU dies with its keeper.
    const lost: VmRecord = {
      ...record,
      state: 'stopped',
      endedAt: new Date().toISOString(),
      outcome: { kind: 'lost', reason: 'its keeper was killed' },
    }
    this.write(lost)
    return lost
  }

  /** A name that nobody has yet. */
  freeName(wish = 'vm'): string {
    let name = wish === 'vm' ? `vm-${newId().slice(0, 4)}` : wish
    for (let number = 2; this.#idOf(name) !== undefined; number++) name = `${wish}-${number}`
    return name
  }

  #drop(id: string): void {
    for (const name of readdirSync(join(this.#dir, BY_NAME)))
      if (this.#idOf(name) === id) rmSync(this.#link(name), { force: true })
    rmSync(this.directory(id), { recursive: true, force: true })
  }

  #link(name: string): string {
    return join(this.#dir, BY_NAME, name)
  }

  #idOf(name: string): string | undefined {
    if (!NAME.test(name)) return undefined
    try {
      return readlinkSync(this.#link(name)).slice('../'.length)
    } catch {
      return undefined
    }
  }
}

const BY_NAME = 'by-name'
const FACTS = 'vm.json'

/** A keeper writes itself down within moments of the VM's record. */
const START_GRACE_MS = 20_000

function isBeingStarted({ keeper, createdAt }: VmRecord): boolean {
  return keeper === undefined && Date.now() - Date.parse(createdAt) < START_GRACE_MS
}

function checkName(name: string): void {
  if (NAME.test(name)) return
  throw new UsageError(
    `${JSON.stringify(name)} cannot be the name of a VM: letters, digits, dots, dashes and underscores, 63 at most`,
  )
}
