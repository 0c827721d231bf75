import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { hasFields, InfraError, isNoRoom, newId, tryDecodeJson } from '../../base/index.ts'
import {
  isAlive,
  isProcessIdentity,
  processIdentity,
  type ProcessIdentity,
} from '../../host/index.ts'
import type { Paths } from '../session/paths.ts'
import type { Claim, EarlierClaim } from './claim.ts'

/** A claim, written down for all klabs of this user to see. */
export interface Ticket {
  /** Its file: names sort in the order in which tickets were taken. */
  readonly name: string
  readonly claim: Claim
}

interface Written {
  readonly claim: Claim
  readonly owner: ProcessIdentity
  /** Its QEMU, when there is one. */
  readonly qemu?: number
}

/** Where tickets hang. There is no lock: whoever has written his own looks at those before it, and gives way. */
export class TicketRack {
  readonly directory: string
  readonly #self: ProcessIdentity

  constructor({ runtime }: Paths) {
    this.directory = join(runtime, 'tickets')
    const self = processIdentity(process.pid)
    if (!self)
      throw new InfraError(
        'PROC',
        '/proc/self/stat cannot be read: see that /proc is mounted, and by ulimit -n that more files may be open',
      )
    this.#self = self
    mkdirSync(this.directory, { recursive: true, mode: 0o700 })
  }

  take(claim: Claim): Ticket {
    // Two of one moment are told apart, and ordered, by the id.
    const name = `${String(process.hrtime.bigint()).padStart(20, '0')}-${newId(6)}`
    this.#write(name, { claim, owner: this.#self })
    return { name, claim }
  }

  /** Writes down which process of QEMU has the memory of a ticket. */
  occupy({ name, claim }: Ticket, qemu: number): void {
    this.#write(name, { claim, owner: this.#self, qemu })
  }

  giveBack({ name }: Ticket): void {
    rmSync(join(this.directory, name), { force: true })
  }

  /** The claims that came before a ticket and still hold; those of klabs that are dead are removed. */
  before({ name }: Ticket): EarlierClaim[] {
    return readdirSync(this.directory)
      .filter((other) => !other.startsWith('.') && other < name)
      .flatMap((other) => {
        const written = this.#read(other)
        if (!written) return []
        if (isAlive(written.owner))
          return [{ ...written.claim, takenMiB: residentMiB(written.qemu) }]
        rmSync(join(this.directory, other), { force: true })
        return []
      })
  }

  #write(name: string, written: Written): void {
    const path = join(this.directory, name)
    // Hidden from readers until it is whole: a dot sorts before every number.
    const temporary = join(this.directory, `.${name}`)
    try {
      writeFileSync(temporary, JSON.stringify(written), { mode: 0o600 })
      renameSync(temporary, path)
    } catch (error) {
      rmSync(temporary, { force: true })
      // On a full disk the others do not see its claim, which is no reason not to run.
      if (!isNoRoom(error)) throw error
    }
  }

  /** Undefined for one that is being written, has just gone, or is damaged. */
  #read(name: string): Written | undefined {
    try {
      return tryDecodeJson(readFileSync(join(this.directory, name), 'utf8'), isWritten)
    } catch {
      return undefined
    }
  }
}

function isWritten(value: unknown): value is Written {
  return (
    hasFields(value, { claim: 'object', owner: 'object' }) &&
    hasFields(value['claim'], { cpus: 'number', memoryMiB: 'number' }) &&
    isProcessIdentity(value['owner']) &&
    ['number', 'undefined'].includes(typeof value['qemu'])
  )
}

/** Memory that is a process's alone (RssAnon and RssShmem of proc_pid_status(5)); 0 for none. */
function residentMiB(pid: number | undefined): number {
  if (pid === undefined) return 0
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1')
    const kib = (name: string) =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0)
    return Math.floor((kib('RssAnon') + kib('RssShmem')) / 1024)
  } catch {
    return 0
  }
}
