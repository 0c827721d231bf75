import { existsSync, readdirSync } from 'node:fs'
import { rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'

import { diskUsage, isLocked } from '../../host/index.ts'
import { KernelStore } from '../../kernel/index.ts'
import type { Store } from '../../store/index.ts'
import { pruneTo, type Candidate, type Pruned } from '../history/prune-to.ts'
import type { Lab } from '../session/context.ts'

/** Removes kernels and build directories, used longest ago first, until they fit; never what is in use. */
export async function cleanKernels(
  lab: Lab,
  store: Store,
  { limitBytes, keep }: { readonly limitBytes: number; readonly keep: string | undefined },
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
  const directories = await directoryCandidates(lab.paths.cache, 'builds', 'build directory')
  const packages = await directoryCandidates(lab.paths.cache, 'packages', 'unpacked package')
  return await pruneTo([...built, ...directories, ...packages], limitBytes)
}

async function directoryCandidates(
  cacheDir: string,
  place: string,
  kind: string,
): Promise<Candidate[]> {
  const parent = join(cacheDir, place)
  if (!existsSync(parent)) return []
  const directories = readdirSync(parent).map((name) => join(parent, name))
  const sizes = await diskUsage(directories)
  return await Promise.all(
    directories.map(async (dir) => {
      return {
        what: `${kind} ${basename(dir)}`,
        usedAt: (await stat(dir)).mtimeMs,
        bytes: sizes.get(dir) ?? 0,
        inUse: () => isLocked(join(dir, 'lock'), cacheDir),
        remove: () => rm(dir, { recursive: true, force: true }),
      }
    }),
  )
}
