import { readdirSync, statSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'

import { diskUsage } from '../../host/index.ts'
import type { Store } from '../../store/index.ts'
import type { Lab } from '../session/context.ts'
import { isRunAlive } from './live-runs.ts'
import { pruneTo, type Candidate, type Pruned } from './prune-to.ts'

/** How much may be kept. */
interface RunLimits {
  readonly runs: number
  readonly bytes: number
}

/** Removes the oldest finished runs until number and size fit, and what lies there of runs that nobody knows. */
export async function pruneRuns(lab: Lab, store: Store, limits: RunLimits): Promise<Pruned> {
  const all = await store.runs()
  const rows = all.filter(({ outcome }) => outcome !== null)
  const dirs = rows.map(({ id }) => directoryOf(lab, id))
  const sizes = await diskUsage(dirs)
  const candidates = rows.map(({ id, startedAt }, index) => ({
    what: `run ${id}`,
    usedAt: Date.parse(startedAt),
    bytes: sizes.get(dirs[index] ?? '') ?? 0,
    inUse: () => isRunAlive(lab, id),
    remove: async () => {
      await rm(directoryOf(lab, id), { recursive: true, force: true })
      await store.removeRun(id)
    },
  }))
  const known = new Set(all.map(({ id }) => id))
  const unknown = (await directories(lab)).filter(
    ({ id, usedAt }) => !known.has(id) && isOld(usedAt),
  )
  const gone = await pruneTo(unknown, 0, 0)
  const pruned = await pruneTo(candidates, limits.bytes, limits.runs)
  return { ...pruned, removed: [...gone.removed, ...pruned.removed] }
}

/** As pruneRuns, when there is no database to ask: the directories that were used longest ago, whoever they are of. */
export async function pruneRunDirectories(lab: Lab, { runs, bytes }: RunLimits): Promise<Pruned> {
  return await pruneTo(await directories(lab), bytes, runs)
}

/** A run is recorded within moments of its directory; one that waits for its kernel's first boot has a lock by then. */
const UNKNOWN_FOR_MS = 3_600_000

function isOld(usedAt: number): boolean {
  return Date.now() - usedAt > UNKNOWN_FOR_MS
}

async function directories(lab: Lab): Promise<(Candidate & { readonly id: string })[]> {
  const parent = join(lab.paths.state, 'runs')
  const found = statSync(parent, { throwIfNoEntry: false })?.isDirectory()
    ? readdirSync(parent)
    : []
  const sizes = await diskUsage(found.map((id) => directoryOf(lab, id)))
  return found.map((id) => ({
    id,
    what: `run ${id}`,
    usedAt: statSync(directoryOf(lab, id), { throwIfNoEntry: false })?.mtimeMs ?? 0,
    bytes: sizes.get(directoryOf(lab, id)) ?? 0,
    inUse: () => isRunAlive(lab, id),
    remove: () => rm(directoryOf(lab, id), { recursive: true, force: true }),
  }))
}

function directoryOf({ paths }: Lab, id: string): string {
  return join(paths.state, 'runs', id)
}
