import { setTimeout as sleep } from 'node:timers/promises'

import { describeExit } from '../../host/index.ts'
import type { Vm } from '../../vm/index.ts'
import type { Daemon } from '../host-view/exports.ts'

/** A daemon leaves when its QEMU does, and that of a VM which is about to end says nothing. */
const LEAVING_MS = 1_000

/** Settles, with a sentence for people, when a daemon ends before the VM that it serves. */
export async function lostDaemon(
  { ended }: Pick<Vm, 'ended'>,
  daemons: readonly Daemon[],
): Promise<string> {
  const exits = daemons.map(
    async ({ what, process }) => `${what}, ended: ${describeExit(await process.exited)}`,
  )
  const said = await Promise.race(exits)
  const isLeaving = await Promise.race([
    ended.then(() => true),
    sleep(LEAVING_MS, false, { ref: false }),
  ])
  return isLeaving ? await new Promise<never>(() => undefined) : said
}
