import type { Arch } from '../arch/arch.ts'
import type { Progress } from './build-progress.ts'
import type { Builder } from './builder.ts'
import { treeState, type TreeState } from '../tree/fingerprint.ts'
import { baseKey, type ConfigBase } from '../kconfig/config-base.ts'
import { KernelStore } from '../ready-made/kernel-store.ts'
import { formatFragment, type WantedOption } from '../kconfig/kconfig.ts'
import { kernelId, type Manifest } from '../ready-made/manifest.ts'
import { profileOptions, type Profile } from '../kconfig/profiles.ts'
import type { Toolchain } from './toolchain.ts'
import type { Tree } from '../tree/tree.ts'

export interface BuildRequest {
  readonly tree: Tree
  readonly arch: Arch
  readonly profile: Profile
  /** What the options of the profile are laid over. */
  readonly base: ConfigBase
  /** Options beyond the profile's; they win over it. */
  readonly options: readonly WantedOption[]
  readonly toolchain: Toolchain
  readonly jobs: number
  /** What is to be said when it is built, and not whenever it is taken from the cache. */
  readonly notes: readonly string[]
}

export interface BuildContext {
  readonly cacheDir: string
  readonly env: NodeJS.ProcessEnv
  readonly signal?: AbortSignal
  readonly onEvent: (event: BuildEvent) => void
  readonly onNote: (message: string) => void
  /** The state of the tree, where somebody has begun to look for it. */
  readonly looked?: Promise<TreeState>
  /** Where it is compiled; on this machine when absent. */
  readonly builder?: Builder
}

export type BuildEvent =
  | { readonly kind: 'waiting'; readonly dir: string }
  | { readonly kind: 'step'; readonly name: 'copy' | 'configure' | 'compile' | 'collect' }
  | { readonly kind: 'progress'; readonly progress: Progress }

export interface BuildPlan {
  readonly id: string
  readonly state: TreeState
  readonly wanted: readonly WantedOption[]
}

/**
 * Which kernel the request would give now, or with the state of the tree that somebody is looking for. Takes at most half a second on a full tree and
 * runs no make.
 */
export async function planBuild(
  request: BuildRequest,
  cacheDir: string,
  looked: Promise<TreeState> = treeState(request.tree, { arch: request.arch, cacheDir }),
): Promise<BuildPlan> {
  const state = await looked
  const { base, profile, options } = request
  const adjusted = base.kind === 'config' ? base.adjusted : []
  const wanted = [...adjusted, ...profileOptions(profile, request.arch), ...options]
  const { version, compiler, crossCompile = '' } = request.toolchain
  const id = kernelId({
    treeId: state.treeId,
    dirty: state.dirty,
    version: request.tree.version,
    arch: request.arch,
    base: baseKey(base),
    fragment: formatFragment(wanted),
    parameters: profile.parameters,
    toolchain: [compiler, crossCompile, version],
  })
  return { id, state, wanted }
}

/** Builds the kernel of the request, or takes it from the cache. Throws InfraError when it cannot be built. */
export async function buildKernel(request: BuildRequest, context: BuildContext): Promise<Manifest> {
  const store = new KernelStore(context.cacheDir)
  const plan = await planBuild(request, context.cacheDir, context.looked)
  const ready = await takeKernel(store, plan.id)
  if (ready) return ready
  if (await store.isDamaged(plan.id))
    context.onNote(`the kernel ${plan.id} is damaged; it is built again`)
  // Most calls end above: what builds is loaded only when there is something to build.
  const { buildUnderLock } = await import('./build.ts')
  return await buildUnderLock(request, plan, context)
}

/** A kernel of the cache, if it is there, marked as used. */
export async function takeKernel(store: KernelStore, id: string): Promise<Manifest | undefined> {
  const manifest = await store.whole(id)
  if (manifest) await store.touch(id)
  return manifest
}
