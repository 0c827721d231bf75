import { uptime } from 'node:os'

import { tryDecodeJson } from '../../base/index.ts'
import { isAlive, isProcessIdentity, processIdentity } from '../../host/index.ts'

/** Who writes the end of a run. */
interface Owned {
  readonly pid: number
  readonly startedAt: string
  readonly owner?: string | null | undefined
}

/** The process that begins a run, as it is recorded; null where /proc does not tell. */
export function ownerNow(): string | null {
  const self = processIdentity(process.pid)
  return self ? JSON.stringify(self) : null
}

/** Whether the klab that began a run is still there; it records the end. */
export function isOwnerAlive({ pid, startedAt, owner }: Owned): boolean {
  const identity =
    owner === null || owner === undefined ? undefined : tryDecodeJson(owner, isProcessIdentity)
  return identity ? isAlive(identity) : isAliveSince(pid, Date.parse(startedAt))
}

/** The kernel counts in hundredths of a second wherever klab runs (USER_HZ). */
const TICKS_PER_SECOND = 100

/** Both clocks are rounded. */
const SLACK_MS = 2_000

/** An older klab recorded its number alone: whoever has that now and is younger than the run is another. */
function isAliveSince(pid: number, timeMs: number): boolean {
  const now = processIdentity(pid)
  if (!now) return false
  const ageMs = (uptime() - Number(now.startTicks) / TICKS_PER_SECOND) * 1000
  return Date.now() - ageMs <= timeMs + SLACK_MS
}
