import { existsSync } from 'node:fs'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'

import { confined, run, type Confinement } from '../../host/index.ts'
import { archFacts } from '../arch/arch.ts'
import { parseConfig } from '../kconfig/kconfig.ts'
import type { Profile } from '../kconfig/profiles.ts'
import { syncShadow } from '../tree/shadow.ts'
import type { Built } from './collect.ts'
import { configure } from './configure.ts'
import { compileLayout } from './layout.ts'
import { make, type MakeSpec } from './make.ts'
import type { BuildContext, BuildRequest } from './plan.ts'
import { toolchainVariables, type Toolchain } from './toolchain.ts'
import type { BuildWork } from './work.ts'

/** Configures and compiles; the results stay among the objects. Throws InfraError with the first real error. */
export async function compile(work: BuildWork): Promise<Omit<Built, 'buildMs'>> {
  const { request, context, dir } = work
  const output = join(dir, 'objects')
  await mkdir(output, { recursive: true })
  const common = await makeCommon(work, output)
  context.onEvent({ kind: 'step', name: 'configure' })
  await configure(work, output, common)
  context.onEvent({ kind: 'step', name: 'compile' })
  const total = await expectedSteps(dir, request.profile)
  let done = 0
  const onStep = (current: string) => {
    done++
    context.onEvent({
      kind: 'progress',
      progress: { done, total: total && Math.max(total, done), current },
    })
  }
  const hasScripts = parseConfig(await readFile(join(output, '.config'), 'utf8')).get('GDB_SCRIPTS')
  const { target } = archFacts(request.arch).image
  const targets = [target, 'modules', ...(hasScripts === 'y' ? ['scripts_gdb'] : [])]
  await make({ ...common, jobs: request.jobs, targets, onStep })
  const layout = await compileLayout(output, common)
  return { output, steps: done, layout }
}

/** What every make of a build has in common. */
async function makeCommon(
  { request, context, dir }: BuildWork,
  output: string,
): Promise<Omit<MakeSpec, 'targets' | 'jobs' | 'onStep'>> {
  const { tree } = request
  let source = tree.path
  if (tree.inPlace) {
    context.onEvent({ kind: 'step', name: 'copy' })
    source = await syncShadow(tree, dir)
  }
  const place = await buildPlace(source, output, context.cacheDir)
  const log = join(dir, 'build.log')
  await rm(log, { force: true })
  return {
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

function variables({ arch, toolchain }: BuildRequest, source: string): string[] {
  // DWARF would name the place of the build; relative names serve every checkout.
  const map = `-fdebug-prefix-map=${source}/=`
  return [
    `ARCH=${archFacts(arch).make}`,
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
