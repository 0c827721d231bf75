import { inspect } from 'node:util'

import { block, KlabError } from '../../base/index.ts'
import { few } from './few.ts'
import { err } from './print.ts'

/** Says what went wrong in one sentence on stderr and returns the exit code. */
export function printError(error: unknown): number {
  if (error instanceof KlabError) {
    err.line(`klab: ${error.message}`)
    for (const line of few(error.details)) err.line(`  ${line}`)
    return error.exitCode
  }
  const { code, path } = (error ?? {}) as NodeJS.ErrnoException
  if (code === 'ENOSPC') {
    err.line(
      `klab: no space left on device${path ? ` (${path})` : ''}; klab kernel clean and klab runs prune make room`,
    )
    return 125
  }
  if (error instanceof DOMException && error.name === 'AbortError') return 130
  if (code !== undefined && path !== undefined) {
    err.line(`klab: ${(error as Error).message}`)
    return 125
  }
  err.line('klab: this is a bug in klab; please report it with the lines below')
  err.line(block(inspect(error)))
  return 125
}
