import { existsSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'

import { InfraError, UsageError } from '../../base/index.ts'
import { findProgram } from '../../host/index.ts'
import {
  archFacts,
  buildKernel,
  builtKernel,
  DEFAULT_ARCH,
  defaultJobs,
  findKernel,
  findProfile,
  findToolchain,
  findTree,
  KernelStore,
  parseAssignment,
  parseConfig,
  treeAt,
  type BuildRequest,
  type Kernel,
  type Manifest,
  type Tree,
  type WantedOption,
} from '../../kernel/index.ts'
import type { Lab } from '../session/context.ts'
import type { OnEvent } from '../outcome/events.ts'
import type { KernelChoice } from '../spec/kernel-choice.ts'

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
  const store = new KernelStore(lab.paths.cache)
  const kernel =
    choice.kernel === undefined
      ? await kernelOfTree(lab, choice, watcher)
      : await readyMade(lab, choice, store)
  watcher.onEvent({ kind: 'kernel', origin: kernel.origin, image: kernel.image })
  return kernel
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
  const asksForBuild =
    choice.profile !== undefined || choice.options.length > 0 || choice.configFiles.length > 0
  if (asksForBuild)
    throw new UsageError(
      '--kernel names a kernel that is ready; --profile, --config and --config-file are for one to be built',
    )
  return await findKernel(choice.kernel ?? '', store, lab.paths.cache)
}

async function kernelOfTree(lab: Lab, choice: KernelChoice, watcher: Watcher): Promise<Kernel> {
  const manifest = await buildChosen(lab, choice, watcher)
  return await builtKernel(manifest, new KernelStore(lab.paths.cache))
}

/**
 * A tree that was configured in itself may hold a kernel, too. Whether that is up to date only a `make` there could tell, which is not ours to run; so
 * it is booted when it is named, and never because it lies there: a bisection would boot it at every commit.
 */
function noteOfOwnConfig(lab: Lab, choice: KernelChoice, tree: Tree): string[] {
  const isAsked = choice.profile !== undefined || lab.loaded.sources.has('profile')
  if (isAsked || !existsSync(join(tree.path, '.config'))) return []
  const image = existsSync(join(tree.path, archFacts(DEFAULT_ARCH).image.path))
  const boot = image ? `; --kernel ${tree.path} boots the kernel that lies there, as it is` : ''
  return [
    `${tree.path} has a .config of its own, and klab builds its profile ${lab.config.profile}${boot}`,
  ]
}

/** Builds the kernel that the choice asks for, or takes it from the cache. */
export async function buildChosen(
  lab: Lab,
  choice: KernelChoice,
  watcher: Watcher,
): Promise<Manifest> {
  const tree = await chosenTree(lab, choice.tree)
  return await build(lab, { tree, choice }, watcher)
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

async function build(
  lab: Lab,
  { tree, choice }: { readonly tree: Tree; readonly choice: KernelChoice },
  { signal, onEvent }: Watcher,
): Promise<Manifest> {
  const { compiler, crossCompile, ccache, jobs } = lab.config.build
  const toolchain = await findToolchain({
    compiler,
    ...(crossCompile !== '' && { crossCompile }),
    ccache: ccache && findProgram('ccache', lab.env['PATH']) !== undefined,
  })
  const request: BuildRequest = {
    tree,
    arch: DEFAULT_ARCH,
    profile: findProfile(choice.profile ?? lab.config.profile),
    options: wantedOptions(lab, choice),
    toolchain,
    jobs: jobs || defaultJobs(),
    notes: noteOfOwnConfig(lab, choice, tree),
  }
  const startedAt = Date.now()
  const manifest = await buildKernel(request, {
    cacheDir: lab.paths.cache,
    env: lab.env,
    signal,
    onEvent: (event) => onEvent({ kind: 'build', build: event }),
    onNote: (message) => onEvent({ kind: 'note', message }),
  })
  if (Date.parse(manifest.createdAt) >= startedAt) {
    const { cleanCache } = await import('./kernel-cache.ts')
    await cleanCache(lab, lab.config.limits.kernels, manifest.id)
  }
  return manifest
}

/** Of the configuration, then the files, then the command line; later ones win. Throws on a contradiction in one place. */
function wantedOptions(lab: Lab, { options, configFiles }: KernelChoice): WantedOption[] {
  const fromFiles = configFiles.flatMap((file) => {
    if (!existsSync(file) || !statSync(file).isFile())
      throw new UsageError(`--config-file ${file}: there is no such file`)
    const found = parseConfig(readFileSync(file, 'utf8'))
    if (found.size === 0)
      throw new UsageError(`--config-file ${file} has no option in it (lines such as CONFIG_X=y)`)
    return [...found].map(([name, value]) => ({
      name,
      value,
      source: file,
    }))
  })
  return [
    ...assignments(lab.config.build.options, 'build.options'),
    ...fromFiles,
    ...assignments(options, '--config'),
  ]
}

function assignments(texts: readonly string[], source: string): WantedOption[] {
  const wanted = texts.map((text) => {
    const assignment = parseAssignment(text)
    if (!assignment) throw new UsageError(`${source} ${text} is not of the form CONFIG_NAME=value`)
    return { ...assignment, source }
  })
  for (const { name, value } of wanted) {
    const other = wanted.find((option) => option.name === name && option.value !== value)
    if (other)
      throw new UsageError(
        `${source} contradicts itself: CONFIG_${name}=${value} and CONFIG_${name}=${other.value}`,
      )
  }
  return wanted
}
