import { InfraError } from '../../base/index.ts'
import { buildDirectoryOf, KernelStore } from '../../kernel/index.ts'
import type { RunRow } from '../../store/index.ts'
import { withStore } from '../history/history.ts'
import type { Pruned } from '../history/prune-to.ts'
import type { Lab } from '../session/context.ts'
import { cleanKernels } from './clean-kernels.ts'

/** The kernels of the cache. */
export function kernelStore(lab: Lab): KernelStore {
  return new KernelStore(lab.paths.cache)
}

export { buildDirectoryOf }

/** Removes kernels and build directories until they fit; `keep` is a kernel that is about to be used. */
export async function cleanCache(lab: Lab, limitBytes: number, keep?: string): Promise<Pruned> {
  const users = await usersOf(lab)
  const inUse = [keep, ...users.map(({ kernelId }) => kernelId)]
  return await cleanKernels(lab, { limitBytes, inUse })
}

/** Removes one kernel, whole or not. Throws InfraError when a run uses it. */
export async function removeKernel(lab: Lab, id: string): Promise<void> {
  const user = (await usersOf(lab)).find(({ kernelId }) => kernelId === id)
  if (user) throw new InfraError('KERNEL', `kernel ${id} is in use by run ${user.id}`)
  await new KernelStore(lab.paths.cache).remove(id)
}

/** The runs that go on. A database that is full or damaged must not keep anybody from making room: a VM that lives has read its kernel. */
async function usersOf(lab: Lab): Promise<readonly Pick<RunRow, 'id' | 'kernelId'>[]> {
  try {
    return await withStore(lab, (store) => store.unfinished())
  } catch (error) {
    if (error instanceof InfraError) return []
    throw error
  }
}
