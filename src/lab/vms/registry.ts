import {
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'

import {
  InfraError,
  messageOf,
  nearest,
  newId,
  systemProblem,
  tryDecodeJson,
  UsageError,
} from '../../base/index.ts'
import { isAlive, processesEndingWith, noteIn } from '../../host/index.ts'
import type { Paths } from '../session/paths.ts'
import { hasValues, isVmRecord, withoutValues, type VmRecord } from './vm-record.ts'

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

  /** All VMs by name, each set right if its keeper was killed; those whose record is damaged are left out. */
  list(): NamedVm[] {
    return readdirSync(join(this.#dir, BY_NAME))
      .toSorted()
      .flatMap((name) => this.#read(name) ?? [])
  }

  /** The names of VMs whose record is damaged. */
  damaged(): string[] {
    return readdirSync(join(this.#dir, BY_NAME)).filter((name) => this.isDamaged(name))
  }

  /** Whether there is a VM of a name, and its record cannot be read. */
  isDamaged(name: string): boolean {
    // A run that is over goes while it is looked for.
    return this.#read(name) === undefined && this.#idOf(name) !== undefined
  }

  /** Ends and removes a VM whose record is damaged. */
  removeDamaged(name: string): void {
    const id = this.#idOf(name)
    if (id === undefined) return
    // Its record would have told who keeps it. QEMU dies with its keeper.
    for (const pid of processesEndingWith(['keep', id])) process.kill(pid, 'SIGKILL')
    this.#drop(id)
  }

  /** The VM of a name; undefined if there is none. Throws InfraError if its record is damaged. */
  find(name: string): NamedVm | undefined {
    const vm = this.#read(name)
    if (!vm && this.isDamaged(name))
      throw new InfraError(
        'VM',
        `the record of the VM ${name} is damaged; klab rm --force ${name} ends and removes it`,
      )
    return vm
  }

  #read(name: string): NamedVm | undefined {
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
    try {
      this.write(record)
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
    try {
      writeFileSync(`${path}.tmp`, JSON.stringify(withoutValues(record)), { mode: 0o600 })
      renameSync(`${path}.tmp`, path)
    } catch (error) {
      rmSync(`${path}.tmp`, { force: true })
      throw new InfraError(
        'VM_RECORD',
        `cannot write ${path}: ${systemProblem(error) ?? messageOf(error)}`,
        { cause: error },
      )
    }
  }

  /** As write, for what is true all the same if the disk is full: whoever reads the record finds it out again. */
  #note(record: VmRecord): void {
    try {
      this.write(record)
    } catch (error) {
      if (!(error instanceof InfraError)) throw error
    }
  }

  /** A record as it is true now; undefined for one that is not there, or damaged. */
  read(id: string): VmRecord | undefined {
    const found = tryDecodeJson(noteIn(join(this.directory(id), FACTS)), isVmRecord)
    if (!found) return undefined
    const record = withoutValues(found)
    if (record.state === 'stopped' && hasValues(found)) this.#note(record)
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
    this.#note(lost)
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
