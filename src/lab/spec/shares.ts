import { existsSync, realpathSync, statSync } from 'node:fs'
import { isAbsolute, resolve } from 'node:path'

import { UsageError } from '../../base/index.ts'

/** A host directory seen in the guest. */
export interface Share {
  readonly mode: 'ro' | 'rw' | 'cow'
  readonly host: string
  readonly guest: string
  /** The guest keeps what it has read, and does not see what the host changes. */
  readonly cached: boolean
}

/**
 * `[ro|rw|cow[,cached]:]HOST[:GUEST]`; without a mode it is cow, which always caches: overlayfs does not allow its lower layer to
 * change (Documentation/filesystems/overlayfs.rst). Throws UsageError.
 */
export function parseShare(text: string, cwd: string): Share {
  const match = /^(?:(ro|rw|cow)(,cached)?:)?([^:]+)(?::([^:]+))?$/.exec(text)
  if (!match) throw new UsageError(`--share ${text} is not [ro|rw|cow[,cached]:]HOST[:GUEST]`)
  const host = resolve(cwd, match[3] ?? '')
  if (!existsSync(host) || !statSync(host).isDirectory()) {
    throw new UsageError(`--share ${text}: ${host} is not a directory on this machine`)
  }
  const guest = match[4] ?? host
  if (!isAbsolute(guest) || resolve(guest) === '/')
    throw new UsageError(`--share ${text}: ${guest} is no absolute path in the guest below /`)
  const mode = (match[1] ?? 'cow') as Share['mode']
  const cached = mode === 'cow' || match[2] !== undefined
  return { mode, host: realpathSync(host), guest, cached }
}
