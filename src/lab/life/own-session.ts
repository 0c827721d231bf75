import { formatDuration, InfraError } from '../../base/index.ts'
import type { Agent } from '../../guest/index.ts'
import { writeDump } from '../dumps/write-dump.ts'
import { fetchFile } from '../host-view/fetch-file.ts'
import type { Boots } from '../boot/boots.ts'
import { peerOf } from '../boot/peer.ts'
import type { Outcome } from '../outcome/outcome.ts'
import type { Ending } from '../outcome/verdict.ts'
import type { Lab } from '../session/context.ts'
import type { Session } from '../session/session.ts'
import { whileItAnswers } from './command.ts'
import { endOfVm } from './end-of-vm.ts'
import { execIn, type Guest } from './exec.ts'
import { waitForLateReports } from './late-reports.ts'
import { liveOnce } from './life.ts'
import type { LifeRequest, Living, Purpose } from './living.ts'

/**
 * Brings a VM of this process up and hands it over; disposing of the session ends it, and it is judged and recorded then. Throws KlabError, or Error
 * with the outcome, when it does not come up.
 */
export async function openSession(
  lab: Lab,
  request: LifeRequest,
  { onEvent, stop }: Pick<Purpose, 'onEvent' | 'stop'>,
): Promise<Session> {
  const up = Promise.withResolvers<Living>()
  const dismissed = Promise.withResolvers<void>()
  const life = liveOnce(lab, request, {
    ...{ onEvent, stop },
    live: async (living) => {
      up.resolve(living)
      const end = dismissed.promise.then(() => ({ kind: 'dismissed' }) as const)
      return await Promise.race([endOfVm(living.booted), end])
    },
  })
  const ended = life.then(({ outcome }) => outcome)
  ended.catch(() => undefined)
  const living = await Promise.race([up.promise, ended])
  if ('kind' in living) throw new SessionFailed(living)
  return sessionOf(living, {
    ended,
    dismiss: async () => {
      dismissed.resolve()
      await ended
    },
  })
}

/** Asks a guest for something, and waits as long as it answers. Throws InfraError. */
async function asked(guest: Guest, ask: (agent: Agent) => Promise<void>): Promise<void> {
  const done = new AbortController()
  const never = new AbortController().signal
  try {
    const work = ask(guest.agent).then(() => ({ kind: 'done' }) as const)
    const first = await Promise.race([work, whileItAnswers(guest, never, done.signal)])
    if (first.kind === 'done' || first.kind === 'stopped') return
    const why =
      first.kind === 'broken'
        ? first.why
        : `it has said nothing for ${formatDuration(first.silentMs)}`
    throw new InfraError('VM_SILENT', `the guest of this session does not answer: ${why}`)
  } finally {
    done.abort()
  }
}

async function rebooted(boots: Boots): Promise<Ending> {
  return { kind: 'rebooted', way: await boots.after(boots.number) }
}

/** A VM that did not come up, and how that ended. */
export class SessionFailed extends Error {
  readonly outcome: Outcome

  constructor(outcome: Outcome) {
    super('the VM did not come up')
    this.outcome = outcome
  }
}

function sessionOf(
  { lab: { paths }, booted, reports, request }: Living,
  { ended, dismiss }: { ended: Promise<Outcome>; dismiss: () => Promise<void> },
): Session {
  const { boots, vm, slowness } = booted
  let isOver = false
  const end = endOfVm(booted)
  void end.then(() => (isOver = true))
  const present = async () => {
    if (isOver) throw new InfraError('VM', 'the VM of this session has ended')
    return await boots.untilUp()
  }
  const counted = () => {
    // What has ended belongs to what was before, though nothing has followed it yet.
    reports.settle()
    return reports.counted
  }
  const guestNow = async (): Promise<Guest> => ({
    ...{ agent: await present(), peer: peerOf(booted), slowness },
    over: Promise.race([end, rebooted(boots)]),
    isPaused: () => !boots.isUp,
    lastConsoleAt: () => vm.console.lastByteAt,
    mark: async () => counted().length,
    since: async (mark, graceMs) => {
      await waitForLateReports(vm, graceMs, reports)
      return counted().slice(mark)
    },
    untilStarted: (started) => vm.reach('command', started),
  })
  return {
    id: request.id,
    exec: async (command, parts) => execIn(await guestNow(), command, parts),
    put: async (path, data, mode) =>
      asked(await guestNow(), (agent) => agent.put(path, data, { mode, uid: 0, gid: 0 })),
    get: async (path, place) =>
      asked(await guestNow(), (agent) => fetchFile(agent, { source: path, place, paths })),
    dump: async (place) => {
      const wanted = { path: place, format: 'kdump' } as const
      await writeDump(paths, wanted, (packed) => vm.dump(packed, 'kdump-zlib'))
    },
    reports: async () => counted(),
    ended,
    [Symbol.asyncDispose]: dismiss,
  }
}
