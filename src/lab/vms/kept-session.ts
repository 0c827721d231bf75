import type { Outcome } from '../outcome/outcome.ts'
import { fetchFile } from '../host-view/fetch-file.ts'
import { outcomeOf } from '../outcome/verdict.ts'
import type { Lab } from '../session/context.ts'
import type { Paths } from '../session/paths.ts'
import type { Session } from '../session/session.ts'
import { execIn } from '../life/exec.ts'
import { attended } from './attended.ts'
import { dumpVm } from './dump.ts'
import { agentOf, guestOf, reportsOf } from './exec.ts'
import type { NamedVm } from './registry.ts'

/** A running VM behind a keeper as a session; disposing of it leaves the VM alone. Throws InfraError when its guest does not answer. */
export async function joinSession({ paths }: Pick<Lab, 'paths'>, vm: NamedVm): Promise<Session> {
  let joined = await join(paths, vm)
  // A guest that has rebooted has another agent.
  const present = async () => (joined = joined.isGone() ? await join(paths, vm) : joined)
  // How the VM has ended, not what that means for a command in it.
  const ended: Promise<Outcome> = joined.guest.end.then((ending) =>
    ending.kind === 'over' ? ending.outcome : outcomeOf(ending, undefined),
  )
  return {
    id: vm.runId,
    exec: async (command, parts) => execIn((await present()).guest, command, parts),
    put: async (path, data, mode) => {
      const { agent } = await present()
      await attended(paths, { vm, agent, work: agent.put(path, data, { mode, uid: 0, gid: 0 }) })
    },
    get: async (path, place) => {
      const { agent } = await present()
      await attended(paths, { vm, agent, work: fetchFile(agent, { source: path, place, paths }) })
    },
    dump: async (path) => {
      const advice = 'make room there'
      await dumpVm(paths, vm, { path, format: 'kdump', advice, onProgress: () => undefined })
    },
    reports: () => reportsOf(paths, vm, { from: 0, graceMs: 0 }),
    ended,
    [Symbol.asyncDispose]: async () => joined.agent[Symbol.dispose](),
  }
}

async function join(paths: Paths, vm: NamedVm) {
  const agent = await agentOf(paths, vm)
  let isGone = false
  void agent.closed.then(() => (isGone = true))
  return { agent, guest: guestOf(paths, vm, agent), isGone: () => isGone }
}
