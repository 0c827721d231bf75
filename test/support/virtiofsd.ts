import type { TestContext } from 'vitest'

import { findProgram } from '../../src/host/index.ts'
import { isCVirtiofsd } from '../../src/lab/session/context.ts'

const WHY =
  'there is no Rust virtiofsd here: install it, or let KLAB_VIRTIOFSD name one (cargo install virtiofsd)'

/**
 * The Rust virtiofsd, which ordinary users can run: the one that KLAB_VIRTIOFSD names (then all tests use it), or the distribution's. Without it the test is
 * left out, and says so: vitest itself shows no reason.
 */
export function needRustVirtiofsd({ skip, task }: TestContext): string {
  const name = process.env['KLAB_VIRTIOFSD'] ?? 'virtiofsd'
  const path = findProgram(name, process.env['PATH'], ['/usr/libexec', '/usr/lib/qemu', '/usr/lib'])
  if (path !== undefined && !isCVirtiofsd(path)) return path
  console.log(`left out: ${task.name}: ${WHY}`)
  return skip(WHY)
}
