import { constants } from 'node:os'

import { InfraError } from '../base/index.ts'
import type { ProtocolError } from './codec.ts'
import { lineOf } from './guest-text.ts'
import type { GuestMessage } from './protocol.ts'

/** The conversation is over: the guest broke the protocol (then `cause` says how), or the VM is gone. */
export class AgentLost extends InfraError {
  constructor(cause: ProtocolError | undefined, message = cause?.message ?? 'the VM is gone') {
    super('AGENT_LOST', message, { cause })
  }
}

/** What a guest says of a file that cannot be had. */
class GuestFileError extends InfraError {
  /** `ENOENT`, `EISDIR` … */
  readonly errno: string

  constructor(what: string, errno: string, step: string) {
    super('GUEST_FILE', `cannot ${what} in the guest: ${step}: ${errno}`)
    this.errno = errno
  }
}

/** Throws what a transfer that has not come to be means. */
export function checkDone(verb: string, path: string, answer: GuestMessage): void {
  if (answer.name !== 'done')
    throw new InfraError('AGENT', `the guest agent answered ${answer.name} where it owed done`)
  if (answer.errno !== 0)
    throw new GuestFileError(`${verb} ${path}`, errnoName(answer.errno), lineOf(answer.what))
}

/** `ENOENT`, or `errno 123` for one that this machine does not know. */
export function errnoName(number: number): string {
  const known = Object.entries(constants.errno).find(([, value]) => value === number)
  return known?.[0] ?? `errno ${number}`
}
