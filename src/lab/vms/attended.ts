import type { InfraError } from '../../base/index.ts'
import { formatDuration } from '../../base/index.ts'
import { silence } from '../life/silence.ts'
import { standstill } from '../life/standstill.ts'
import type { Paths } from '../session/paths.ts'
import { guestPeer } from './control.ts'
import { silentGuest, type JoinedAgent } from './exec.ts'
import { VmRegistry, type NamedVm } from './registry.ts'

/** A guest that owes us something and gives none of it for so long, though it answers, gives nothing more; multiplied by slowness. */
const OWED_LIMIT_MS = 60_000

/** Something that a guest does for us. */
export interface Attended<T> {
  readonly vm: NamedVm
  /** Without it what was begun ends: so it is let go when the guest does not answer any more. */
  readonly agent: JoinedAgent
  readonly work: Promise<T>
  /** When it last gave something of what it owes (Date.now()); absent where it may take its time. */
  readonly gaveAt?: () => number
}

/** Stays with what a guest does for us, for as long as it answers or somebody has paused it. Throws InfraError, when all that was begun has ended. */
export async function attended<T>(
  paths: Paths,
  { vm, agent, work, gaveAt }: Attended<T>,
): Promise<T> {
  const done = new AbortController()
  const slowness = vm.slowness ?? 1
  const listened = {
    ...{ agent, slowness, heard: gaveAt ?? Date.now },
    isPaused: () => new VmRegistry(paths).read(vm.id)?.state === 'paused',
  }
  const owedMs = gaveAt ? OWED_LIMIT_MS * slowness : null
  try {
    const first = await Promise.race([
      work.then((value) => ({ value })),
      silence(listened, owedMs, done.signal),
      standstill(guestPeer(vm), done.signal),
    ])
    if ('value' in first) return first.value
    agent[Symbol.dispose]()
    await work.catch(() => undefined)
    throw gone(vm, first)
  } finally {
    done.abort()
  }
}

function gone(vm: NamedVm, ending: { silentMs: number } | { why: string }): InfraError {
  const why =
    'why' in ending ? ending.why : `it has said nothing for ${formatDuration(ending.silentMs)}`
  return silentGuest(vm, why)
}
