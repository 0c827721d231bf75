import { existsSync, readFileSync } from 'node:fs'
import { readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import type { Manifest } from '../ready-made/manifest.ts'
import type { BuildSite, Workshop } from './builder.ts'
import type { Toolchain } from './toolchain.ts'

/** Among the objects: which kernel was made of them last. */
const MADE = 'klab.kernel'

/**
 * Makes the objects of a build a directory against which external modules are built (`make -C DIR M=…`): what kbuild has written there leads to where the
 * build saw the sources, which only the build can see.
 */
export async function openBuildDirectory(
  { source, output }: BuildSite,
  workshop: Workshop,
  { compiler, crossCompile }: Toolchain,
): Promise<void> {
  const path = join(output, 'Makefile')
  const makefile = await readFile(path, 'utf8').catch(() => undefined)
  if (makefile === undefined) return
  const chosen = [
    ...(compiler === 'llvm' ? ['LLVM ?= 1', 'export LLVM'] : []),
    ...(crossCompile ? [`CROSS_COMPILE ?= ${crossCompile}`, 'export CROSS_COMPILE'] : []),
  ]
  const here = makefile.replaceAll(workshop.source, source).replaceAll(workshop.output, output)
  await writeFile(path, [...chosen, here].join('\n'))
  await rm(join(output, 'source'), { force: true })
  await symlink(source, join(output, 'source'))
}

/** Notes which kernel the objects are of. */
export async function noteKernel(output: string, id: string): Promise<void> {
  await writeFile(join(output, MADE), id)
}

/** The directory against which modules for a kernel are built; or why there is none. */
export type BuildDirectory =
  | { readonly kind: 'there'; readonly dir: string }
  | { readonly kind: 'gone' }
  /** The next build of the same tree and configuration has taken the place. */
  | { readonly kind: 'taken'; readonly by: string }

export function buildDirectoryOf({ id, buildDir }: Manifest): BuildDirectory {
  if (buildDir === undefined || !existsSync(join(buildDir, MADE))) return { kind: 'gone' }
  const by = readFileSync(join(buildDir, MADE), 'utf8')
  return by === id ? { kind: 'there', dir: buildDir } : { kind: 'taken', by }
}
