import type { Outcome } from '../outcome/outcome.ts'
import { fetchFile } from '../host-view/fetch-file.ts'
import { outcomeOf } from '../outcome/verdict.ts'
import type { Lab } from '../session/context.ts'
import type { Session } from '../session/session.ts'
import { execIn } from '../life/exec.ts'
import { dumpVm } from './dump.ts'
import { agentOf, guestOf, reportsOf } from './exec.ts'
import type { NamedVm } from './registry.ts'

/** A running VM behind a keeper as a session; disposing of it leaves the VM alone. Throws InfraError when its guest does not answer. */
export async function joinSession({ paths }: Pick<Lab, 'paths'>, vm: NamedVm): Promise<Session> {
  const agent = await agentOf(paths, vm)
  const guest = guestOf(paths, vm, agent)
  const ended: Promise<Outcome> = guest.over.then((ending) => outcomeOf(ending, undefined))
  return {
    id: vm.runId,
    exec: (command, parts) => execIn(guest, command, parts),
    put: (path, data, mode) => agent.put(path, data, { mode, uid: 0, gid: 0 }),
    get: (path, place) => fetchFile(agent, { source: path, place }),
    dump: async (path) => {
      const advice = 'make room there'
      await dumpVm(paths, vm, { path, format: 'kdump', advice, onProgress: () => undefined })
    },
    reports: () => reportsOf(paths, vm, { from: 0, graceMs: 0 }),
    ended,
    [Symbol.asyncDispose]: async () => agent[Symbol.dispose](),
  }
}
