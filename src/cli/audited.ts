import { auditing, type Deed } from '../lab/index.ts'
import { currentPaths } from './lab.ts'
import { err } from './render/print.ts'

/** Writes what is done into the audit log, for commands that have no lab. */
export async function audited(deed: Deed): Promise<void> {
  const [paths, { audit }] = await Promise.all([currentPaths(), auditing()])
  tellAudit(audit({ paths, env: process.env }, [deed]))
}

/** Says what went wrong with the log; the work goes on. */
export function tellAudit(problem: string | undefined): void {
  if (problem !== undefined) err.line(`klab: ${problem}`)
}
