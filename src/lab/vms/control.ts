import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'

import { decodeJson, InfraError, isRecord, messageOf } from '../../base/index.ts'
import type { FoundReport } from '../../crash/index.ts'
import { Patience, type Peer } from '../../host/index.ts'
import type { Outcome } from '../outcome/outcome.ts'
import type { Paths } from '../session/paths.ts'
import type { NamedVm } from './registry.ts'

/** What is asked of a keeper: one line of JSON at the start of a connection. */
export type ControlRequest =
  /** Answers with the number of the present boot, when that is up; the rest of the connection is its agent's protocol. */
  | { readonly do: 'agent' }
  /** A line follows when the guest has begun anew after that boot: in which way. */
  | { readonly do: 'reboot'; readonly after: number }
  /** The rest of the connection is the serial console, both ways. */
  | { readonly do: 'console' }
  | { readonly do: 'status' }
  /** The variables of every command, with their values. */
  | { readonly do: 'env' }
  /** The complaints of its kernel that count, from one on, late ones included. */
  | { readonly do: 'reports'; readonly from: number; readonly graceMs: number }
  | {
      readonly do: 'qmp'
      readonly command: string
      readonly args: Readonly<Record<string, unknown>>
    }
  | { readonly do: 'monitor'; readonly line: string }
  | { readonly do: 'pause' }
  | { readonly do: 'resume' }
  /** The connection ends with the VM, when all of it is recorded. */
  | { readonly do: 'stop'; readonly force: boolean }
  | { readonly do: 'wait' }
  /** Answers with the layout of what was written; the VM goes on. */
  | { readonly do: 'freeze'; readonly dir: string }
  | { readonly do: 'gdb' }
  /** Answers when the memory is written; a running VM goes on then. */
  | { readonly do: 'dump'; readonly path: string; readonly format: string }

/** The last line of a connection that waits: how the VM has ended, and all that counts of what its kernel complained of. */
export interface Farewell {
  readonly outcome: Outcome
  readonly reports: readonly FoundReport[]
}

/** Its answer: one line as well. */
export type ControlAnswer = { readonly value: unknown } | { readonly error: string }

/** An answer may hold what QEMU has to say about itself; more is none. */
const MAX_ANSWER = 16 * 1024 * 1024

export function controlPath(paths: Paths, { runId }: { readonly runId: string }): string {
  return join(paths.runtime, runId, 'control')
}

/** QEMU's gdb stub of a VM that was started to be debugged. */
export function gdbSocket(paths: Paths, { runId }: { readonly runId: string }): string {
  return join(paths.runtime, runId, 'gdb')
}

/** A QMP of a VM for tools that speak it. */
export function toolsSocket(paths: Paths, { runId }: { readonly runId: string }): string {
  return join(paths.runtime, runId, 'tools')
}

/** Asks a VM's keeper one thing. Throws InfraError with its reason. */
export async function ask(paths: Paths, vm: NamedVm, request: ControlRequest): Promise<unknown> {
  return await askUntil(paths, vm, { request })
}

/** As ask, for what takes long. Throws the signal's reason when that is aborted; what was asked for is done all the same. */
export async function askUntil(
  paths: Paths,
  vm: NamedVm,
  asked: { readonly request: ControlRequest; readonly signal?: AbortSignal },
): Promise<unknown> {
  const { socket, value } = await conversation(paths, vm, asked)
  socket.destroy()
  return value
}

/** Asks, and keeps the connection for what follows. */
export async function converse(
  paths: Paths,
  vm: NamedVm,
  request: ControlRequest,
): Promise<{ socket: Socket; value: unknown }> {
  return await conversation(paths, vm, { request })
}

async function conversation(
  paths: Paths,
  vm: NamedVm,
  { request, signal }: { readonly request: ControlRequest; readonly signal?: AbortSignal },
): Promise<{ socket: Socket; value: unknown }> {
  signal?.throwIfAborted()
  const socket = connect(controlPath(paths, vm))
  try {
    await once(socket, 'connect')
  } catch (error) {
    const why =
      vm.state === 'starting'
        ? 'it is being started'
        : `its keeper does not answer: ${messageOf(error)}`
    throw new InfraError('VM', `cannot reach the VM ${vm.name}: ${why}`, { cause: error })
  }
  socket.on('error', () => undefined)
  socket.write(`${JSON.stringify(request)}\n`)
  const leave = () => void socket.destroy()
  signal?.addEventListener('abort', leave, { once: true })
  const line = await keptLine(vm, socket).finally(() => signal?.removeEventListener('abort', leave))
  signal?.throwIfAborted()
  if (line === undefined)
    throw new InfraError('VM', `the VM ${vm.name} ended before it could answer`)
  try {
    const answer = decodeJson(line, { what: `the answer of the VM ${vm.name}`, check: isAnswer })
    if ('error' in answer) throw new InfraError('VM', answer.error)
    return { socket, value: answer.value }
  } catch (error) {
    socket.destroy()
    throw error
  }
}

/** A keeper that is at work says so all the time (keeper-control.ts): one that says nothing for so long hangs. */
const KEEPER_LIMIT_MS = 30_000

/** Who answers for a VM. */
export function keeperOf({ kind, name, keeper }: NamedVm): Peer {
  return {
    what: kind === 'run' ? `the klab of ${name}` : `the keeper of ${name}`,
    pid: keeper?.pid,
  }
}

/** The guest of a VM, and all that it hangs on. */
export function guestPeer(vm: NamedVm): Peer {
  const daemons = Object.entries(vm.daemons ?? {}).map(([what, { pid }]) => ({ what, pid }))
  return { what: 'it', behind: [keeperOf(vm), { what: 'QEMU', pid: vm.qemu?.pid }, ...daemons] }
}

/** What its keeper answers. Throws InfraError when it gives no sign of life. */
async function keptLine(vm: NamedVm, socket: Socket): Promise<string | undefined> {
  using patience = new Patience(keeperOf(vm), KEEPER_LIMIT_MS)
  const line = firstLine(socket, MAX_ANSWER, () => patience.renew())
  return await patience.for(line, (why) => {
    socket.destroy()
    return new InfraError(
      'VM_SILENT',
      `the VM ${vm.name} cannot be asked: ${why}; klab stop --force ${vm.name} ends it`,
    )
  })
}

function isAnswer(value: unknown): value is ControlAnswer {
  return isRecord(value) && ('value' in value || typeof value['error'] === 'string')
}

/** As ask, for an answer of a certain kind. */
export async function askFor<T>(
  paths: Paths,
  vm: NamedVm,
  { request, check }: { request: ControlRequest; check: (value: unknown) => value is T },
): Promise<T> {
  const value = await ask(paths, vm, request)
  if (check(value)) return value
  throw new InfraError(
    'VM',
    `the VM ${vm.name} gave an answer that this klab does not understand, when it was asked for: ${request.do}`,
  )
}

/**
 * The first line that a peer sends, who may beat before it (BEAT); what follows stays in the socket. Undefined if it leaves, or
 * goes on for too long.
 */
export async function firstLine(
  socket: Socket,
  limit: number,
  onSign: () => void = () => undefined,
): Promise<string | undefined> {
  let seen: Buffer = Buffer.alloc(0)
  for (;;) {
    const chunk = socket.read() as Buffer | null
    if (chunk === null) {
      if (socket.readableEnded || socket.destroyed) return undefined
      // Those who have waited in vain leave no listener: a keeper beats for as long as a dump takes.
      const heard = new AbortController()
      const next = ['readable', 'end', 'close'].map((event) =>
        once(socket, event, { signal: heard.signal }),
      )
      try {
        await Promise.race(next)
      } catch {
        // Cut off, which is an end like another.
        return undefined
      } finally {
        heard.abort()
      }
      continue
    }
    onSign()
    seen = isBeat(seen) ? chunk : Buffer.concat([seen, chunk])
    const end = seen.indexOf('\n')
    if (end >= 0) {
      const rest = seen.subarray(end + 1)
      if (rest.length > 0) socket.unshift(rest)
      return seen.subarray(0, end).toString('utf8')
    }
    if (seen.length > limit) {
      socket.destroy()
      return undefined
    }
  }
}

/** What a keeper says while it is at work: to JSON it is nothing. */
export const BEAT = ' '

function isBeat(seen: Buffer): boolean {
  return seen.every((byte) => byte === BEAT.charCodeAt(0))
}
