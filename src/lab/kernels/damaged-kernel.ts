import { InfraError } from '../../base/index.ts'
import { KernelStore, type Kernel } from '../../kernel/index.ts'
import type { Lab } from '../session/context.ts'

/**
 * What is to be said of a kernel that did not boot: undefined for one that is as it was built. One that is not is set aside, and built
 * again when it is wanted the next time. Looked at now and not before each boot: it takes 0.1 s.
 */
export async function damageOfKernel(
  { paths }: Lab,
  { manifest }: Kernel,
): Promise<InfraError | undefined> {
  if (!manifest) return undefined
  const store = new KernelStore(paths.cache)
  const part = await store.changedPart(manifest)
  if (part === undefined) return undefined
  const { id } = manifest
  store.setAside(id)
  return new InfraError(
    'KERNEL',
    `the kernel ${id} is damaged: its ${part} is not as it was built; it was set aside as ${store.directory(id)}.damaged, and klab build makes it again`,
  )
}
