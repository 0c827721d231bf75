import { KlabError } from '../../base/index.ts'
import { BootFailure } from '../../vm/index.ts'
import { HungBoot } from './hung-boot.ts'
import type { Outcome } from './outcome.ts'

/** The outcome of a boot that failed; undefined for an error that is none. */
export function bootFailed(error: unknown): Outcome | undefined {
  if (error instanceof BootFailure) {
    return {
      kind: 'boot-failed',
      phase: error.phase,
      reason: error.reason,
      lastLines: error.lastLines,
      ...(error instanceof HungBoot && { hang: error.hang }),
    }
  }
  if (error instanceof KlabError && error.code === 'MOUNT')
    return { kind: 'boot-failed', phase: 'root', reason: error.message, lastLines: [] }
  return undefined
}
