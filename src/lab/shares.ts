import { existsSync, realpathSync, statSync } from 'node:fs'
import { isAbsolute, resolve } from 'node:path'

import { UsageError } from '../base/index.ts'

/** A host directory seen in the guest. */
export interface Share {
  readonly mode: 'ro' | 'rw' | 'cow'
  readonly host: string
  readonly guest: string
}

/** `[ro:|rw:|cow:]HOST[:GUEST]`; without a mode it is cow. Throws UsageError. */
export function parseShare(text: string, cwd: string): Share {
  const match = /^(?:(ro|rw|cow):)?([^:]+)(?::([^:]+))?$/.exec(text)
  if (!match) throw new UsageError(`--share ${text} is not [ro:|rw:|cow:]HOST[:GUEST]`)
  const host = resolve(cwd, match[2] ?? '')
  if (!existsSync(host) || !statSync(host).isDirectory()) {
    throw new UsageError(`--share ${text}: ${host} is not a directory on this machine`)
  }
  const guest = match[3] ?? host
  if (!isAbsolute(guest))
    throw new UsageError(`--share ${text}: ${guest} is not an absolute path in the guest`)
  return { mode: (match[1] ?? 'cow') as Share['mode'], host: realpathSync(host), guest }
}
