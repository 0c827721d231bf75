import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

import { describeExit, type LiveProcess } from '../../host/index.ts'
import type { Console } from './console.ts'
import type { Qmp } from './qmp.ts'

/** What a process has said before it ended is read in the same turn or the next. */
const LAST_WORDS_MS = 100

/** Why a VM is no more. */
export interface VmEnd {
  /** `guest-reset`, `guest-panic`, `guest-shutdown`, `host-signal` …: QMP's SHUTDOWN reason, if it came. */
  readonly reason: string | undefined
  /** `exit status 0`, `killed by SIGKILL`. */
  readonly process: string
  readonly stderr: string
}

/** The end of a QEMU, when all that it said has come: with the reason that it gave before. Never rejects. */
export async function endOf(
  qemu: LiveProcess,
  { connected, console }: { readonly connected: Promise<Qmp>; readonly console: Console },
): Promise<VmEnd> {
  let reason: string | undefined
  const told = connected.then(async (qmp) => {
    qmp.on('event', ({ event, data }) => {
      if (event === 'SHUTDOWN') reason = String(data['reason'])
    })
    await once(qmp, 'closed')
  })
  const exit = await qemu.exited
  // Each has its own channel, and the one on which we hear of the exit is not the last.
  const last = sleep(LAST_WORDS_MS, undefined, { ref: false })
  await Promise.race([Promise.all([told, console.closed]), last])
  return { reason, process: describeExit(exit), stderr: qemu.stderrTail() }
}
