import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'

import { cacheFile } from '../../host/index.ts'
import { builtKernel, KernelStore, type Kernel } from '../../kernel/index.ts'
import type { Lab } from '../session/context.ts'
import type { KernelChoice } from '../spec/kernel-choice.ts'

/** Every directory and configuration leaves one behind. */
const MAX_KEPT = 256

/** The kernel that a choice came to the last time. It is most likely the right one again, but only a look at the tree tells. */
export async function lastKernel(lab: Lab, choice: KernelChoice): Promise<Kernel | undefined> {
  try {
    const id = readFileSync(pathFor(lab, choice), 'utf8')
    const store = new KernelStore(lab.paths.cache)
    const manifest = await store.whole(id)
    return manifest && (await builtKernel(manifest, store))
  } catch {
    // There was none, or it is damaged: then there is nothing to guess.
    return undefined
  }
}

/** Remembers what a choice has come to. */
export async function rememberKernel(lab: Lab, choice: KernelChoice, id: string): Promise<void> {
  const path = pathFor(lab, choice)
  try {
    if (readFileSync(path, 'utf8') === id) return
  } catch {
    const dir = join(lab.paths.cache, 'last')
    if (existsSync(dir) && readdirSync(dir).length >= MAX_KEPT)
      rmSync(dir, { recursive: true, force: true })
  }
  await cacheFile(path, id)
}

function pathFor({ cwd, config, paths }: Lab, choice: KernelChoice): string {
  const { profile, profiles, build } = config
  const key = JSON.stringify([cwd, choice, profile, profiles, build])
  const name = createHash('sha256').update(key).digest('hex').slice(0, 16)
  return join(paths.cache, 'last', name)
}
