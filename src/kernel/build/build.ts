import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { InfraError } from '../../base/index.ts'
import { confined, lockFile, run, type Confinement } from '../../host/index.ts'
import { collect, type Built } from './collect.ts'
import { KernelStore } from '../ready-made/kernel-store.ts'
import { explainLost } from '../kconfig/kconfig-explain.ts'
import { readKconfig } from '../kconfig/kconfig-tree.ts'
import { formatFragment, lostOptions, parseConfig, type WantedOption } from '../kconfig/kconfig.ts'
import { compileLayout } from './layout.ts'
import { make } from './make.ts'
import { digest, type Manifest } from '../ready-made/manifest.ts'
import {
  planBuild,
  takeKernel,
  type BuildContext,
  type BuildPlan,
  type BuildRequest,
} from './plan.ts'
import type { Profile } from '../kconfig/profiles.ts'
import { syncShadow } from '../tree/shadow.ts'
import { toolchainVariables, type Toolchain } from './toolchain.ts'

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
  await using _lock = await lockFile(join(dir, 'lock'), () =>
    context.onEvent({ kind: 'waiting', dir }),
  )
  for (let round = 0; round < MAX_ROUNDS; round++) {
    // Whoever had the lock may have built just this.
    const plan = await planBuild(request, context.cacheDir)
    if (store.has(plan.id)) return await takeKernel(store, plan.id)
    const startedAt = performance.now()
    const built = await compile(request, plan, dir, context)
    // Edited meanwhile: what was compiled is neither the old state nor the new one.
    if ((await planBuild(request, context.cacheDir)).id !== plan.id) continue
    const buildMs = Math.round(performance.now() - startedAt)
    return await collect(request, plan, { ...built, buildMs }, store, context)
  }
  throw new InfraError(
    'BUILD',
    `${request.tree.path} keeps changing while it is built; try again when it is quiet`,
  )
}

/** Objects are kept per tree and configuration, so that the next build of it is incremental. */
function buildDirectory(request: BuildRequest, plan: BuildPlan, cacheDir: string): string {
  const { tree, profile, toolchain } = request
  const config = formatFragment(plan.wanted)
  const key = JSON.stringify([
    tree.path,
    profile.base,
    config,
    toolchain.version,
    toolchain.compiler,
    toolchain.crossCompile,
  ])
  return join(cacheDir, 'builds', `${profile.name}-${digest(key).slice(0, 12)}`)
}

async function compile(
  request: BuildRequest,
  plan: BuildPlan,
  dir: string,
  context: BuildContext,
): Promise<Omit<Built, 'buildMs'>> {
  const { tree, profile } = request
  const output = join(dir, 'objects')
  await mkdir(output, { recursive: true })
  let source = tree.path
  if (tree.inPlace) {
    context.onEvent({ kind: 'step', name: 'copy' })
    source = await syncShadow(tree, dir)
  }
  const place = await buildPlace(source, output, context.cacheDir)
  const log = join(dir, 'build.log')
  await rm(log, { force: true })
  const common = {
    source: place.source,
    output: place.output,
    variables: variables(request, place.source),
    env: buildEnvironment(context, request.toolchain),
    log,
    confinement: place.confinement,
    cacheDir: context.cacheDir,
    rename: (path: string) => path.replace(`${place.source}/`, '').replace(`${tree.path}/`, ''),
    ...(context.signal && { signal: context.signal }),
  }
  context.onEvent({ kind: 'step', name: 'configure' })
  await writeFile(join(output, 'klab.fragment'), formatFragment(plan.wanted))
  const fragment = `KCONFIG_ALLCONFIG=${join(place.output, 'klab.fragment')}`
  const quiet = { ...common, onStep: () => undefined, jobs: 1 }
  if (profile.base === 'allnoconfig') {
    await make({ ...quiet, variables: [...common.variables, fragment], targets: ['allnoconfig'] })
  } else {
    await make({ ...quiet, targets: [profile.base] })
    const base = await readFile(join(output, '.config'), 'utf8')
    await writeFile(join(output, '.config'), base + formatFragment(plan.wanted))
  }
  await make({ ...quiet, targets: ['olddefconfig'] })
  await verifyConfig(request, plan.wanted, join(output, '.config'))

  context.onEvent({ kind: 'step', name: 'compile' })
  const total = await expectedSteps(dir, profile)
  let done = 0
  const onStep = (current: string) => {
    done++
    context.onEvent({
      kind: 'progress',
      progress: { done, total: total && Math.max(total, done), current },
    })
  }
  const hasScripts = parseConfig(await readFile(join(output, '.config'), 'utf8')).get('GDB_SCRIPTS')
  const targets = ['bzImage', 'modules', ...(hasScripts === 'y' ? ['scripts_gdb'] : [])]
  await make({ ...common, jobs: request.jobs, targets, onStep })
  const layout = await compileLayout(output, common)
  return { output, steps: done, layout }
}

/** The lines that a full build prints are known from the last one; an incremental build says nothing of its length. */
async function expectedSteps(dir: string, profile: Profile): Promise<number | undefined> {
  if (!existsSync(join(dir, 'objects', 'vmlinux.o'))) return profile.steps
  return undefined
}

/**
 * Every build sees its sources and objects at the same two places, in a mount namespace of its own: paths do not get
 * into what is compiled, ccache knows a file again that it met in another directory, and the tree is read-only.
 * Where namespaces are not allowed the build uses the real paths.
 */
async function buildPlace(source: string, output: string, cacheDir: string) {
  const at = { source: join(cacheDir, 'place', 'source'), output: join(cacheDir, 'place', 'build') }
  await mkdir(at.source, { recursive: true })
  await mkdir(at.output, { recursive: true })
  const confinement: Confinement = {
    binds: [
      { from: source, at: at.source, readOnly: true },
      { from: output, at: at.output, readOnly: false },
    ],
  }
  const [file, args] = await confined(['true'], confinement, cacheDir)
  const { exit } = await run(file, args)
  if (exit.kind === 'exited' && exit.code === 0) return { ...at, confinement }
  return { source, output, confinement: {} }
}

function variables({ toolchain }: BuildRequest, source: string): string[] {
  // DWARF would name the place of the build; relative names serve every checkout.
  const map = `-fdebug-prefix-map=${source}/=`
  return [
    'ARCH=x86_64',
    // Set, and empty: no `+` and no commit in the release; CONFIG_LOCALVERSION has klab's suffix.
    'LOCALVERSION=',
    `KCFLAGS=${map}`,
    `KAFLAGS=${map}`,
    ...toolchainVariables(toolchain),
  ]
}

/** Nothing of the user's environment gets into a kernel: the same input gives the same image. */
function buildEnvironment({ env }: BuildContext, { ccache }: Toolchain): NodeJS.ProcessEnv {
  const kept = ['PATH', 'HOME', 'USER', 'TMPDIR', 'XDG_CACHE_HOME', 'XDG_CONFIG_HOME']
  const keep = ([name]: [string, unknown]) => kept.includes(name) || name.startsWith('CCACHE_')
  return {
    ...Object.fromEntries(Object.entries(env).filter(keep)),
    KBUILD_BUILD_USER: 'klab',
    KBUILD_BUILD_HOST: 'klab',
    KBUILD_BUILD_VERSION: '1',
    KBUILD_BUILD_TIMESTAMP: 'Thu Jan  1 00:00:00 UTC 1970',
    // The place of a build is always the same, so its name needs no rewriting; that would reach __FILE__, too.
    ...(ccache && { CCACHE_NOHASHDIR: '1' }),
  }
}

async function verifyConfig(
  { tree, options }: BuildRequest,
  wanted: readonly WantedOption[],
  path: string,
): Promise<void> {
  const final = parseConfig(await readFile(path, 'utf8'))
  const lost = lostOptions(wanted, final)
  if (lost.length === 0) return
  const kconfig = readKconfig(tree.path, 'x86')
  const asked = new Set(options.map(({ name }) => name))
  // A profile is for trees of all ages: what this one does not know is not for it.
  const missed = lost.filter(({ name }) => asked.has(name) || kconfig.symbols.has(name))
  if (missed.length === 0) return
  const reasons = missed.map((option) => explainLost(option, kconfig, final))
  const count = missed.length === 1 ? 'an option' : `${missed.length} options`
  throw new InfraError(
    'CONFIG_LOST',
    `the configuration of ${tree.path} lost ${count}: ${reasons[0]}`,
    {
      details: reasons.slice(1),
    },
  )
}
