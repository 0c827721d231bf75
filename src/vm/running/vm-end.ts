import { describeExit, type LiveProcess } from '../../host/index.ts'
import type { Qmp } from './qmp.ts'

/** Why a VM is no more. */
export interface VmEnd {
  /** `guest-reset`, `guest-panic`, `guest-shutdown`, `host-signal` …: QMP's SHUTDOWN reason, if it came. */
  readonly reason: string | undefined
  /** `exit status 0`, `killed by SIGKILL`. */
  readonly process: string
  readonly stderr: string
}

/** The end of a QEMU, with the reason that it gave before. Never rejects. */
export async function endOf(qemu: LiveProcess, connected: Promise<Qmp>): Promise<VmEnd> {
  let reason: string | undefined
  void connected.then((qmp) =>
    qmp.on('event', ({ event, data }) => {
      if (event === 'SHUTDOWN') reason = String(data['reason'])
    }),
  )
  const exit = await qemu.exited
  return { reason, process: describeExit(exit), stderr: qemu.stderrTail() }
}
