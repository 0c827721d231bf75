import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'

import { InfraError } from '../../base/index.ts'
import { lockFile } from '../../host/index.ts'
import { baseKey } from '../kconfig/config-base.ts'
import { formatFragment } from '../kconfig/kconfig.ts'
import { KernelStore } from '../ready-made/kernel-store.ts'
import { digest, type Manifest } from '../ready-made/manifest.ts'
import { collect } from './collect.ts'
import { compile, writersFile } from './compile.ts'
import {
  planBuild,
  takeKernel,
  type BuildContext,
  type BuildPlan,
  type BuildRequest,
} from './plan.ts'

/** A tree that somebody edits while it is built is built again; not for ever. */
const MAX_ROUNDS = 3

/** Builds what a plan says, one klab at a time per build directory. Throws InfraError when it cannot be built. */
export async function buildUnderLock(
  request: BuildRequest,
  first: BuildPlan,
  context: BuildContext,
): Promise<Manifest> {
  const store = new KernelStore(context.cacheDir)
  const dir = buildDirectory(request, first, context.cacheDir)
  await mkdir(dir, { recursive: true })
  const { cacheDir, signal, onEvent } = context
  const onWait = () => onEvent({ kind: 'waiting', dir })
  await using lock = await lockFile(join(dir, 'lock'), { cacheDir, signal, onWait })
  // Another klab may build here from then on.
  const lost = new AbortController()
  void lock.lost.then(() => lost.abort(lockLost(dir)))
  // Its compilers may have outlived a klab that was killed: where there are no namespaces, nothing ends them.
  await (await lockFile(writersFile(dir), { cacheDir, signal, onWait }))[Symbol.asyncDispose]()
  const until = signal ? AbortSignal.any([signal, lost.signal]) : lost.signal
  return await build({ ...{ request, dir, store }, context: { ...context, signal: until } })
}

function lockLost(dir: string): InfraError {
  return new InfraError(
    'LOCK',
    `the build in ${dir} was ended: the process that held its lock was killed, and another klab could build there at the same time; start it again`,
  )
}

interface LockedBuild {
  readonly request: BuildRequest
  readonly context: BuildContext & { readonly signal: AbortSignal }
  readonly dir: string
  readonly store: KernelStore
}

async function build({ request, context, dir, store }: LockedBuild): Promise<Manifest> {
  const { signal } = context
  let notes = request.notes
  for (let round = 0; round < MAX_ROUNDS; round++) {
    // Whoever had the lock may have built just this.
    const plan = await planBuild(request, context.cacheDir)
    const ready = await takeKernel(store, plan.id)
    if (ready) return ready
    for (const note of notes) context.onNote(note)
    notes = []
    const work = { request, plan, context, dir }
    const startedAt = performance.now()
    const built = await compile(work)
    // Edited meanwhile: what was compiled is neither the old state nor the new one.
    if ((await planBuild(request, context.cacheDir)).id !== plan.id) continue
    signal.throwIfAborted()
    const buildMs = Math.round(performance.now() - startedAt)
    return await collect(work, { ...built, buildMs }, store)
  }
  throw new InfraError(
    'BUILD',
    `${request.tree.path} keeps changing while it is built; try again when it is quiet`,
  )
}

/** Objects are kept per tree and configuration, so that the next build of it is incremental. */
function buildDirectory(request: BuildRequest, plan: BuildPlan, cacheDir: string): string {
  const { tree, base, profile, toolchain } = request
  const config = formatFragment(plan.wanted)
  const key = JSON.stringify([
    tree.path,
    baseKey(base),
    config,
    toolchain.version,
    toolchain.compiler,
    toolchain.crossCompile,
  ])
  return join(cacheDir, 'builds', `${profile.name}-${digest(key).slice(0, 12)}`)
}
