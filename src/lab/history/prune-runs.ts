import { rm } from 'node:fs/promises'
import { join } from 'node:path'

import { diskUsage } from '../../host/index.ts'
import type { Store } from '../../store/index.ts'
import type { Lab } from '../session/context.ts'
import { isRunAlive } from './live-runs.ts'
import { pruneTo, type Pruned } from './prune-to.ts'

/** Removes the oldest finished runs until number and size fit. */
export async function pruneRuns(
  lab: Lab,
  store: Store,
  limits: { runs: number; bytes: number },
): Promise<Pruned> {
  const rows = (await store.runs()).filter(({ outcome }) => outcome !== null)
  const directory = (id: string) => join(lab.paths.state, 'runs', id)
  const sizes = await diskUsage(rows.map(({ id }) => directory(id)))
  const candidates = rows.map(({ id, startedAt }) => ({
    what: `run ${id}`,
    usedAt: Date.parse(startedAt),
    bytes: sizes.get(directory(id)) ?? 0,
    inUse: () => isRunAlive(lab, id),
    remove: async () => {
      await rm(directory(id), { recursive: true, force: true })
      await store.removeRun(id)
    },
  }))
  return await pruneTo(candidates, limits.bytes, limits.runs)
}
