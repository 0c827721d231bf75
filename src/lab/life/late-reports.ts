import { setTimeout as sleep } from 'node:timers/promises'

import type { Vm } from '../../vm/index.ts'
import type { ReportLog } from '../outcome/report-log.ts'

/** A report that has begun when the grace is over gets this long to end. */
const REPORT_GRACE_MS = 2_000
const QUIET_MS = 300

/** A kernel may complain just after the command has ended; the console's last bytes may still be on their way. */
export async function waitForLateReports(
  { console, ended }: Pick<Vm, 'console' | 'ended'>,
  graceMs: number,
  reports: ReportLog,
): Promise<void> {
  await Promise.race([sleep(graceMs, undefined, { ref: false }), ended])
  const until = Date.now() + REPORT_GRACE_MS
  while (
    reports.scanner.isInside &&
    Date.now() < until &&
    Date.now() - console.lastByteAt < QUIET_MS
  ) {
    await Promise.race([sleep(50, undefined, { ref: false }), ended])
  }
}
