import { setTimeout as sleep } from 'node:timers/promises'

import { WakingClock } from '../../base/index.ts'
import { stoppedOf, type Peer } from '../../host/index.ts'
import type { Ending } from '../outcome/verdict.ts'

/** What a guest hangs on may be stopped for so long: somebody may only look at it. */
const STOPPED_LIMIT_MS = 20_000
const LOOK_EVERY_MS = 2_500

/** Settles when a process without which a guest does nothing was stopped (SIGSTOP) for too long. */
export async function standstill(
  peer: Peer,
  done: AbortSignal,
): Promise<Extract<Ending, { kind: 'broken' }>> {
  const clock = new WakingClock(LOOK_EVERY_MS * 2)
  let stoppedMs = 0
  let why: string | undefined
  while (!done.aborted && stoppedMs < STOPPED_LIMIT_MS) {
    await sleep(LOOK_EVERY_MS, undefined, { signal: done }).catch(() => undefined)
    const passedMs = clock.passed()
    why = stoppedOf(peer)
    stoppedMs = why === undefined ? 0 : stoppedMs + passedMs
  }
  return { kind: 'broken', why: why ?? 'nobody waits for it any more' }
}
