import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { setImmediate } from 'node:timers/promises'

import { InfraError, Interrupted, interruptOf, messageOf, UsageError } from '../../base/index.ts'
import { findProgram } from '../../host/index.ts'
import {
  buildKernel,
  builtKernel,
  DEFAULT_ARCH,
  defaultJobs,
  findKernel,
  findToolchain,
  findTree,
  KernelStore,
  treeAt,
  treeState,
  type Kernel,
  type Manifest,
  type Toolchain,
  type Tree,
} from '../../kernel/index.ts'
import type { Lab } from '../session/context.ts'
import type { OnEvent } from '../outcome/events.ts'
import type { KernelChoice } from '../spec/kernel-choice.ts'
import { rememberKernel } from './last-kernel.ts'
import { askedConfig } from './asked-config.ts'

/** Who waits for a kernel. */
export interface Watcher {
  readonly signal: AbortSignal
  readonly onEvent: OnEvent
}

/** The kernel to boot: named, or built by us now if it is not up to date. */
export async function chooseKernel(
  lab: Lab,
  choice: KernelChoice,
  watcher: Watcher,
): Promise<Kernel> {
  try {
    return await chosen(lab, choice, watcher)
  } catch (error) {
    // Ctrl-C reaches the programs that are asked of the tree as well, and their end is no news; ours may be heard a moment later.
    await setImmediate()
    if (watcher.signal.aborted) throw new Interrupted(interruptOf(watcher.signal))
    throw error
  }
}

async function chosen(lab: Lab, choice: KernelChoice, watcher: Watcher): Promise<Kernel> {
  const store = new KernelStore(lab.paths.cache)
  const kernel =
    choice.kernel === undefined
      ? await builtKernel(await remembered(lab, choice, watcher), store)
      : await readyMade(lab, choice, store)
  watcher.onEvent({ kind: 'kernel', origin: kernel.origin, image: kernel.image })
  return kernel
}

async function remembered(lab: Lab, choice: KernelChoice, watcher: Watcher): Promise<Manifest> {
  const manifest = await buildChosen(lab, choice, watcher)
  await rememberKernel(lab, choice, manifest.id)
  return manifest
}

/** How the kernel that a choice came to is named from anywhere, later: by id, release or whole path. */
export function lastingName(
  lab: Lab,
  { kernel, tree }: KernelChoice,
  { manifest }: Kernel,
): string {
  if (manifest) return manifest.id
  const path = resolve(lab.cwd, kernel ?? tree ?? '.')
  return kernel !== undefined && !existsSync(path) ? kernel : path
}

async function readyMade(lab: Lab, choice: KernelChoice, store: KernelStore): Promise<Kernel> {
  const { profile, options, configFiles, configBase } = choice
  const isPlain = profile === undefined && configBase === undefined
  if (!isPlain || options.length > 0 || configFiles.length > 0)
    throw new UsageError(
      '--kernel names a kernel that is ready; --profile, --config, --config-file and --config-base are for one to be built',
    )
  return await findKernel(choice.kernel ?? '', store, lab.paths.cache)
}

/** Builds the kernel that the choice asks for, or takes it from the cache. */
export async function buildChosen(
  lab: Lab,
  choice: KernelChoice,
  { signal, onEvent }: Watcher,
): Promise<Manifest> {
  const tree = await chosenTree(lab, choice.tree)
  const arch = DEFAULT_ARCH
  // It takes longer than all else here.
  const looked = treeState(tree, { arch, cacheDir: lab.paths.cache })
  looked.catch(() => undefined)
  const [toolchain, config] = await Promise.all([
    chosenToolchain(lab),
    askedConfig(lab, choice, tree),
  ])
  const jobs = lab.config.build.jobs || defaultJobs()
  const startedAt = Date.now()
  const manifest = await buildKernel(
    { tree, arch, ...config, toolchain, jobs },
    {
      ...{ cacheDir: lab.paths.cache, looked },
      env: lab.env,
      signal,
      onEvent: (event) => onEvent({ kind: 'build', build: event }),
      onNote: (message) => onEvent({ kind: 'note', message }),
    },
  )
  if (Date.parse(manifest.createdAt) >= startedAt) {
    const { cleanCache } = await import('./kernel-cache.ts')
    // It is no part of this build.
    await cleanCache(lab, lab.config.limits.kernels, manifest.id).catch((error: unknown) =>
      onEvent({ kind: 'note', message: `no older kernels are removed: ${messageOf(error)}` }),
    )
  }
  return manifest
}

async function chosenTree(lab: Lab, path: string | undefined): Promise<Tree> {
  if (path !== undefined) return await treeAt(path)
  const tree = await findTree(lab.cwd)
  if (tree) return tree
  throw new InfraError(
    'TREE',
    `${lab.cwd} is not in a kernel tree; go to one, or use --tree DIR or --kernel IMAGE`,
  )
}

async function chosenToolchain({ config, env }: Lab): Promise<Toolchain> {
  const { compiler, crossCompile, ccache } = config.build
  return await findToolchain({
    compiler,
    ...(crossCompile !== '' && { crossCompile }),
    ccache: ccache && findProgram('ccache', env['PATH']) !== undefined,
  })
}
