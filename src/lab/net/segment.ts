import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, rmSync, watch, type FSWatcher, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { hasFields, InfraError, tryDecodeJson } from '../../base/index.ts'
import {
  isAlive,
  isProcessIdentity,
  processIdentity,
  type ProcessIdentity,
  noteIn,
} from '../../host/index.ts'
import type { Lab } from '../session/context.ts'
import { ensureSwitch } from './ensure-switch.ts'
import type { HostName } from './host-name.ts'

interface Member {
  readonly name: string
  readonly owner: ProcessIdentity
}

/** A place on a segment. */
export interface Seat {
  /** Where the switch listens. */
  readonly socket: string
  readonly address: string
  readonly prefix: number
  readonly onNames: (listener: (hosts: readonly HostName[]) => void) => void
}

const PREFIX = 24

/** The second and third number of a segment's addresses: the same for a name, and seldom for two. */
export function segmentNet(segment: string): string {
  const [first = 0, second = 0] = createHash('sha256').update(segment).digest()
  return `10.${64 + (first % 128)}.${second}`
}

/** Takes a place on a segment, starting its switch if this is the first VM. The place is given back with the stack. */
export async function joinSegment(
  lab: Lab,
  segment: string,
  { name, resources }: { name: string; resources: AsyncDisposableStack },
): Promise<Seat> {
  const dir = join(lab.paths.runtime, 'segments', segment)
  const members = join(dir, 'members')
  mkdirSync(members, { recursive: true, mode: 0o700 })
  const socket = join(dir, 'switch')
  const number = takeNumber(members, name)
  resources.defer(() => rmSync(join(members, String(number)), { force: true }))
  await ensureSwitch(lab, { segment, dir, socket })
  const net = segmentNet(segment)
  let watcher: FSWatcher | undefined
  resources.defer(() => watcher?.close())
  const onNames = (listener: (hosts: readonly HostName[]) => void) => {
    const tell = () =>
      listener(
        readMembers(members)
          .filter((member) => member.number !== number)
          .map((member) => ({ address: `${net}.${member.number}`, name: member.name })),
      )
    // A guest that reboots listens anew, and is the only one.
    watcher?.close()
    watcher = watch(members, tell)
    watcher.unref()
    tell()
  }
  return { socket, address: `${net}.${number}`, prefix: PREFIX, onNames }
}

/** The lowest number that no living VM has. */
function takeNumber(members: string, name: string): number {
  for (const { number, owner } of readMembers(members))
    if (!isAlive(owner)) rmSync(join(members, String(number)), { force: true })
  for (let number = 2; number < 255; number++) {
    try {
      const member = { name, owner: processIdentity(process.pid) }
      writeFileSync(join(members, String(number)), JSON.stringify(member), {
        flag: 'wx',
        mode: 0o600,
      })
      return number
    } catch {
      // Somebody else's.
    }
  }
  throw new InfraError('SEGMENT', 'the segment is full: it has room for 253 VMs')
}

function readMembers(dir: string): (Member & { number: number })[] {
  return readdirSync(dir).flatMap((file) => {
    try {
      const member = tryDecodeJson(noteIn(join(dir, file)), isMember)
      return member ? [{ ...member, number: Number(file) }] : []
    } catch {
      // Being written or removed.
      return []
    }
  })
}

function isMember(value: unknown): value is Member {
  return hasFields(value, { name: 'string' }) && isProcessIdentity(value['owner'])
}
