import { setTimeout as sleep } from 'node:timers/promises'

import { WakingClock } from '../../base/index.ts'
import type { Agent } from '../../guest/index.ts'
import type { Ending } from '../outcome/verdict.ts'

/** The guest's user space answers within this, or it hangs; multiplied by slowness. */
const HEARTBEAT_LIMIT_MS = 30_000
const HEARTBEAT_EVERY_MS = 5_000

/** Who is listened to. */
export interface Listened {
  readonly agent: Pick<Agent, 'ping'>
  readonly slowness: number
  /** When it last said something (Date.now()). */
  readonly heard: () => number
  /** It stands still because somebody wants it to: that is no silence. */
  readonly isPaused?: () => boolean
}

/** Settles when nothing was said for too long, or the agent no longer answers. */
export async function silence(
  { agent, slowness, heard, isPaused = () => false }: Listened,
  idleTimeoutMs: number | null,
  done: AbortSignal,
): Promise<Extract<Ending, { kind: 'silence' }>> {
  const every = Math.min(HEARTBEAT_EVERY_MS, (idleTimeoutMs ?? HEARTBEAT_EVERY_MS) / 4)
  const clock = new WakingClock(every * 2)
  let isAsking = false
  let idleMs = 0
  let unansweredMs = 0
  while (!done.aborted) {
    await sleep(every, undefined, { signal: done }).catch(() => undefined)
    const passedMs = clock.passed()
    if (isPaused()) {
      idleMs = 0
      unansweredMs = 0
      continue
    }
    idleMs = Math.min(idleMs + passedMs, Math.max(0, Date.now() - heard()))
    unansweredMs += passedMs
    if (!isAsking) {
      isAsking = true
      void agent.ping().then(
        () => {
          unansweredMs = 0
          isAsking = false
        },
        // A guest that has begun anew is asked again; a VM that has ended is noticed elsewhere.
        () => (isAsking = false),
      )
    }
    if (idleTimeoutMs !== null && idleMs >= idleTimeoutMs)
      return { kind: 'silence', silentMs: idleMs }
    if (unansweredMs > HEARTBEAT_LIMIT_MS * slowness)
      return { kind: 'silence', silentMs: unansweredMs }
  }
  return { kind: 'silence', silentMs: 0 }
}
