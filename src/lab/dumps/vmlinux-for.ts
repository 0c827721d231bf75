import { existsSync } from 'node:fs'
import { join } from 'node:path'

import { elfBuildId, FormatError, InfraError } from '../../base/index.ts'
import { withFileBytes } from '../../host/index.ts'
import { KernelStore } from '../../kernel/index.ts'
import type { Paths } from '../session/paths.ts'

/**
 * The vmlinux for a dump: the one that is named, or of klab's kernels the one with its build id; undefined when there is none.
 * Throws InfraError for one of another kernel.
 */
export async function vmlinuxFor(
  paths: Paths,
  {
    dump,
    buildId,
    vmlinux,
  }: { dump: string; buildId: string | undefined; vmlinux: string | undefined },
): Promise<string | undefined> {
  if (vmlinux === undefined) return await builtFor(paths, buildId)
  const found = buildIdIn(vmlinux)
  if (buildId === undefined || found === buildId) return vmlinux
  throw new InfraError(
    'VMLINUX',
    `${vmlinux} is of another kernel than ${dump}: its build id is ${found ?? 'none'}, that of the dump is ${buildId}`,
  )
}

async function builtFor(paths: Paths, buildId: string | undefined): Promise<string | undefined> {
  if (buildId === undefined) return undefined
  const store = new KernelStore(paths.cache)
  const files = (await store.list()).map(({ manifest }) =>
    join(store.directory(manifest.id), 'vmlinux'),
  )
  return files.find((file) => existsSync(file) && buildIdIn(file) === buildId)
}

function buildIdIn(path: string): string | undefined {
  try {
    return withFileBytes(path, elfBuildId)
  } catch (error) {
    const why =
      error instanceof FormatError
        ? `${path} is no vmlinux: ${error.message}`
        : `there is no vmlinux ${path}`
    throw new InfraError('VMLINUX', why, { cause: error })
  }
}
