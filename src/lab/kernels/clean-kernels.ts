import { existsSync, readdirSync } from 'node:fs'
import { rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'

import { diskUsage, isLocked, tryLockFile } from '../../host/index.ts'
import { KernelStore } from '../../kernel/index.ts'
import { pruneTo, type Candidate, type Pruned } from '../history/prune-to.ts'
import type { Lab } from '../session/context.ts'

/** Removes kernels and build directories, used longest ago first, until they fit; never what is in use. */
export async function cleanKernels(
  lab: Lab,
  {
    limitBytes,
    inUse,
  }: { readonly limitBytes: number; readonly inUse: readonly (string | null | undefined)[] },
): Promise<Pruned> {
  const kernels = new KernelStore(lab.paths.cache)
  const all = await kernels.list()
  const sizes = await diskUsage(all.map(({ manifest: { id } }) => kernels.directory(id)))
  const built = all.map(({ manifest: { id, release, profile }, usedAt }) => ({
    what: `kernel ${id} (${release}, ${profile})`,
    usedAt: usedAt.getTime(),
    bytes: sizes.get(kernels.directory(id)) ?? 0,
    inUse: async () => inUse.includes(id),
    remove: () => kernels.remove(id),
  }))
  const directories = await directoryCandidates(lab.paths.cache, 'builds', 'build directory')
  const packages = await directoryCandidates(lab.paths.cache, 'packages', 'unpacked package')
  const removed = await removeUnfinished(kernels)
  const pruned = await pruneTo([...built, ...directories, ...packages], limitBytes)
  return { ...pruned, removed: [...removed, ...pruned.removed] }
}

/** What klabs that were killed while they collected a kernel have left, and what is damaged. */
async function removeUnfinished(kernels: KernelStore): Promise<Pruned['removed']> {
  const removed: { what: string; bytes: number }[] = []
  for (const { dir, what } of await kernels.leftovers()) {
    const bytes = (await diskUsage([dir])).get(dir) ?? 0
    await rm(dir, { recursive: true, force: true })
    removed.push({ what, bytes })
  }
  return removed
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
        inUse: () => isInUse(dir, cacheDir),
        remove: () => removeLocked(dir, cacheDir),
      }
    }),
  )
}

/** By a klab that builds in it, or by compilers that have outlived theirs. */
async function isInUse(dir: string, cacheDir: string): Promise<boolean> {
  for (const name of ['lock', 'writers']) if (await isLocked(join(dir, name), cacheDir)) return true
  return false
}

/** Removes a directory that others use under its lock: not from under the feet of whoever has begun to use it since somebody looked. */
async function removeLocked(dir: string, cacheDir: string): Promise<boolean> {
  await using lock = await tryLockFile(join(dir, 'lock'), cacheDir)
  if (lock) await rm(dir, { recursive: true, force: true })
  return lock !== undefined
}
