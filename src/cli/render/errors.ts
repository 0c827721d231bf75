import { KlabError, type InfraError } from '../../base/index.ts'

/** Says what went wrong in one sentence on stderr and returns the exit code. */
export function printError(error: unknown): number {
  if (error instanceof KlabError) {
    console.error(`klab: ${error.message}`)
    for (const line of (error as Partial<InfraError>).details ?? []) console.error(`  ${line}`)
    return error.exitCode
  }
  const { code, path } = (error ?? {}) as NodeJS.ErrnoException
  if (code === 'ENOSPC') {
    console.error(
      `klab: no space left on device${path ? ` (${path})` : ''}; klab kernel clean and klab runs prune make room`,
    )
    return 125
  }
  if (error instanceof DOMException && error.name === 'AbortError') return 130
  if (code !== undefined && path !== undefined) {
    console.error(`klab: ${(error as Error).message}`)
    return 125
  }
  console.error('klab: this is a bug in klab; please report it with the lines below')
  console.error(error)
  return 125
}
