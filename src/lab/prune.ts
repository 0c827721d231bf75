import { existsSync, readdirSync } from 'node:fs'
import { rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'

import { diskUsage, isLocked } from '../host/index.ts'
import { KernelStore } from '../kernel/index.ts'
import type { Store } from '../store/index.ts'
import type { Lab } from './context.ts'
import { isRunAlive } from './live-runs.ts'

export interface Pruned {
  readonly removed: readonly { readonly what: string; readonly bytes: number }[]
  readonly keptBytes: number
}

interface Candidate {
  readonly what: string
  readonly usedAt: number
  readonly bytes: number
  readonly inUse: () => Promise<boolean>
  readonly remove: () => Promise<void>
}

/** Removes kernels and build directories, used longest ago first, until they fit; never what is in use. */
export async function cleanKernels(
  lab: Lab,
  store: Store,
  limitBytes: number,
  keep?: string,
): Promise<Pruned> {
  const kernels = new KernelStore(lab.paths.cache)
  const live = (await store.unfinished()).map(({ kernelId }) => kernelId)
  const all = await kernels.list()
  const sizes = await diskUsage(all.map(({ manifest: { id } }) => kernels.directory(id)))
  const built = all.map(({ manifest: { id, release, profile }, usedAt }) => ({
    what: `kernel ${id} (${release}, ${profile})`,
    usedAt: usedAt.getTime(),
    bytes: sizes.get(kernels.directory(id)) ?? 0,
    inUse: async () => id === keep || live.includes(id),
    remove: () => kernels.remove(id),
  }))
  const directories = await directoryCandidates(join(lab.paths.cache, 'builds'), 'build directory')
  const packages = await directoryCandidates(join(lab.paths.cache, 'packages'), 'unpacked package')
  return await pruneTo([...built, ...directories, ...packages], limitBytes)
}

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

async function pruneTo(
  candidates: readonly Candidate[],
  limitBytes: number,
  limitCount = Number.POSITIVE_INFINITY,
): Promise<Pruned> {
  const removed: { what: string; bytes: number }[] = []
  let bytes = candidates.reduce((sum, candidate) => sum + candidate.bytes, 0)
  let count = candidates.length
  for (const candidate of candidates.toSorted((a, b) => a.usedAt - b.usedAt)) {
    if (bytes <= limitBytes && count <= limitCount) break
    if (await candidate.inUse()) continue
    await candidate.remove()
    removed.push({ what: candidate.what, bytes: candidate.bytes })
    bytes -= candidate.bytes
    count--
  }
  return { removed, keptBytes: bytes }
}

async function directoryCandidates(parent: string, kind: string): Promise<Candidate[]> {
  if (!existsSync(parent)) return []
  const directories = readdirSync(parent).map((name) => join(parent, name))
  const sizes = await diskUsage(directories)
  return await Promise.all(
    directories.map(async (dir) => {
      return {
        what: `${kind} ${basename(dir)}`,
        usedAt: (await stat(dir)).mtimeMs,
        bytes: sizes.get(dir) ?? 0,
        inUse: () => isLocked(join(dir, 'lock')),
        remove: () => rm(dir, { recursive: true, force: true }),
      }
    }),
  )
}
