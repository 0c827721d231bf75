import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
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
  /** Not on a full disk: the others do not see it. */
  readonly isListed: boolean
}

/** The ticket of somebody who came before. */
export interface EarlierTicket extends EarlierClaim {
  readonly name: string
  readonly owner: ProcessIdentity
  /** It has its place, and is not only waiting for it. */
  readonly isAdmitted: boolean
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
    const id = newId(6)
    // Two of one moment are told apart, and ordered, by the id. The number is drawn after the draft can be seen: see isBeingWritten.
    const draw = () => `${String(process.hrtime.bigint()).padStart(20, '0')}-${id}`
    return { ...this.#write(draw, { claim, owner: this.#self }), claim }
  }

  /**
   * Takes the place that a ticket is for. False for one that was passed over meanwhile, because we were stopped: others have seen what is free without
   * it. Whoever passes it over takes it away first and looks then; we say that we have the place first, and look then whether it is still there.
   */
  admit({ name, claim, isListed }: Ticket): boolean {
    if (!isListed) return true
    this.#write(() => `${name}${ADMITTED}`, { claim, owner: this.#self })
    if (existsSync(join(this.directory, name))) return true
    this.giveBack({ name })
    return false
  }

  /** Takes away the ticket of somebody who does not come to his turn: he takes another one when he goes on. */
  passOver({ name }: Pick<Ticket, 'name'>): void {
    rmSync(join(this.directory, name), { force: true })
  }

  /** Writes down which process of QEMU has the memory of a ticket. */
  occupy({ name, claim }: Ticket, qemu: number): void {
    this.#write(() => `${name}${ADMITTED}`, { claim, owner: this.#self, qemu })
  }

  giveBack({ name }: Pick<Ticket, 'name'>): void {
    for (const ending of ['', ADMITTED])
      rmSync(join(this.directory, `${name}${ending}`), { force: true })
  }

  /**
   * Whether somebody is about to hang a ticket up, who may have drawn an earlier number than those that hang (Lamport's bakery). Whoever comes with a draft
   * after this has a later one.
   */
  get isBeingWritten(): boolean {
    return readdirSync(this.directory).some((name) => {
      const [, pid, startTicks] = DRAFT.exec(name) ?? []
      if (pid === undefined || startTicks === undefined) return false
      if (isAlive({ ...this.#self, pid: Number(pid), startTicks })) return true
      // Of a klab that was killed.
      rmSync(join(this.directory, name), { force: true })
      return false
    })
  }

  /** The claims that came before a ticket and still hold; those of klabs that are dead are removed. */
  before({ name }: Pick<Ticket, 'name'>): EarlierTicket[] {
    const hanging = readdirSync(this.directory).filter((other) => !other.startsWith('.'))
    const earlier = new Set(hanging.map(bareName).filter((other) => other < name))
    return [...earlier].flatMap((other) => {
      const admitted = this.#read(`${other}${ADMITTED}`)
      const written = admitted ?? this.#read(other)
      if (!written) return []
      const { claim, owner, qemu } = written
      const takenMiB = residentMiB(qemu)
      if (isAlive(owner))
        return [{ ...claim, name: other, owner, takenMiB, isAdmitted: admitted !== undefined }]
      this.giveBack({ name: other })
      return []
    })
  }

  /** Takes away the drafts of whoever does not come to hang them up, as passOver does tickets. */
  passOverDrafts(): void {
    for (const name of readdirSync(this.directory)) if (DRAFT.test(name)) this.passOver({ name })
  }

  #write(draw: () => string, written: Written): Pick<Ticket, 'name' | 'isListed'> {
    const { pid, startTicks } = this.#self
    for (;;) {
      // No ticket until it is whole.
      const draft = join(this.directory, `.${pid}.${startTicks}.${newId(6)}`)
      try {
        writeFileSync(draft, JSON.stringify(written), { mode: 0o600 })
      } catch (error) {
        rmSync(draft, { force: true })
        // On a full disk the others do not see its claim, which is no reason not to run.
        if (!isNoRoom(error)) throw error
        return { name: draw(), isListed: false }
      }
      const name = draw()
      if (moved(draft, join(this.directory, name))) return { name, isListed: true }
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

/** False for a draft that somebody has taken away (passOverDrafts). */
function moved(draft: string, place: string): boolean {
  try {
    renameSync(draft, place)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return false
  }
}

/** Beside a ticket, for as long as its place is taken. */
const ADMITTED = '.in'

function bareName(name: string): string {
  return name.endsWith(ADMITTED) ? name.slice(0, -ADMITTED.length) : name
}

/** The name of a draft: whose it is. */
const DRAFT = /^\.(\d+)\.(\d+)\./

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
