import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

import { elfBuildId, FormatError, InfraError } from '../../base/index.ts'
import { withFileBytes } from '../../host/index.ts'
import { KernelStore, vmlinuxBeside, vmlinuxOfPackages } from '../../kernel/index.ts'
import type { Paths } from '../session/paths.ts'

/** A dump, and what it says of its kernel. */
interface Wanted {
  readonly dump: string
  readonly buildId: string | undefined
  readonly release: string | undefined
  /** The one that the user names. */
  readonly vmlinux: string | undefined
}

/**
 * The vmlinux for a dump: the one that is named, or the one with its build id among klab's kernels, beside the dump, and where packages with debug
 * information put it; undefined when there is none. Throws InfraError for one of another kernel.
 */
export async function vmlinuxFor(paths: Paths, wanted: Wanted): Promise<string | undefined> {
  const { dump, buildId, vmlinux } = wanted
  if (vmlinux === undefined) return await foundFor(paths, wanted)
  const found = buildIdIn(vmlinux)
  if (buildId === undefined || found === buildId) return vmlinux
  throw new InfraError(
    'VMLINUX',
    `${vmlinux} is of another kernel than ${dump}: its build id is ${found ?? 'none'}, that of the dump is ${buildId}`,
  )
}

async function foundFor(
  paths: Paths,
  { dump, buildId, release }: Wanted,
): Promise<string | undefined> {
  if (buildId === undefined) return undefined
  const store = new KernelStore(paths.cache)
  const built = (await store.list()).map(({ manifest }) =>
    join(store.directory(manifest.id), 'vmlinux'),
  )
  // Part of a path: a dump may say anything.
  const plain = release !== undefined && /^[\w.+~-]+$/.test(release) ? release : undefined
  const files = [
    ...built,
    ...vmlinuxBeside(dirname(dump), plain),
    `/usr/lib/debug/.build-id/${buildId.slice(0, 2)}/${buildId.slice(2)}.debug`,
    ...(plain === undefined ? [] : vmlinuxOfPackages(plain, '/')),
  ]
  return files.find((file) => existsSync(file) && hasBuildId(file, buildId))
}

/** One that cannot be read is not the one. */
function hasBuildId(file: string, buildId: string): boolean {
  try {
    return withFileBytes(file, elfBuildId) === buildId
  } catch {
    return false
  }
}

function buildIdIn(path: string): string | undefined {
  try {
    return withFileBytes(path, elfBuildId)
  } catch (error) {
    const isForm = error instanceof FormatError
    const why = isForm ? `${path} is no vmlinux: ${error.message}` : `there is no vmlinux ${path}`
    throw new InfraError('VMLINUX', why, { cause: error })
  }
}
