import { InfraError } from '../../base/index.ts'
import { buildDirectoryOf, KernelStore } from '../../kernel/index.ts'
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
  return await withStore(lab, (store) => cleanKernels(lab, store, { limitBytes, keep }))
}

/** Removes one kernel. Throws InfraError when a run uses it. */
export async function removeKernel(lab: Lab, id: string): Promise<void> {
  await withStore(lab, async (store) => {
    const user = (await store.unfinished()).find(({ kernelId }) => kernelId === id)
    if (user) throw new InfraError('KERNEL', `kernel ${id} is in use by run ${user.id}`)
    await new KernelStore(lab.paths.cache).remove(id)
  })
}
