import { existsSync } from 'node:fs'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'

import { archFacts } from '../arch/arch.ts'
import { parseConfig } from '../kconfig/kconfig.ts'
import { syncShadow } from '../tree/shadow.ts'
import { openBuildDirectory } from './build-dir.ts'
import type { BuildSite } from './builder.ts'
import type { Built } from './collect.ts'
import { configure } from './configure.ts'
import { beginMaking, endMaking } from './half-made.ts'
import { compileLayout } from './layout.ts'
import { localBuilder } from './local-builder.ts'
import type { BuildContext, BuildRequest } from './plan.ts'
import { toolchainVariables, type Toolchain } from './toolchain.ts'
import type { BuildWork } from './work.ts'

/** Configures and compiles; the results stay among the objects. Throws InfraError with the first real error. */
export async function compile(work: BuildWork): Promise<Omit<Built, 'buildMs'>> {
  const { request, context } = work
  const site = await siteOf(work)
  const builder = context.builder ?? localBuilder(context.cacheDir)
  const workshop = await builder.open(site)
  const shop = { workshop, variables: variables(request, workshop.source) }
  const { output } = site
  await beginMaking(output)
  context.onEvent({ kind: 'step', name: 'configure' })
  await configure(work, output, shop)
  context.onEvent({ kind: 'step', name: 'compile' })
  const total = expectedSteps(work)
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
  await workshop.make({ targets, variables: shop.variables, jobs: request.jobs, onStep })
  const layout = await compileLayout(output, shop)
  await openBuildDirectory(site, workshop, request.toolchain)
  await endMaking(output)
  return { output, steps: done, layout }
}

/** The directories of a build, and what its makes get. */
async function siteOf({ request, context, dir }: BuildWork): Promise<BuildSite> {
  const { tree, toolchain } = request
  const output = join(dir, 'objects')
  await mkdir(output, { recursive: true })
  if (tree.inPlace) context.onEvent({ kind: 'step', name: 'copy' })
  const source = tree.inPlace ? await syncShadow(tree, dir) : tree.path
  const log = join(dir, 'build.log')
  await rm(log, { force: true })
  const env = buildEnvironment(context, toolchain)
  const claim = writersFile(dir)
  return { source, output, claim, env, log, ...(context.signal && { signal: context.signal }) }
}

/** Has the lock of all that writes to a build directory: what a klab that was killed has left may do so for some moments. */
export function writersFile(dir: string): string {
  return join(dir, 'writers')
}

/** The lines that a full build of a profile prints are known; an incremental build says nothing of its length. */
function expectedSteps({ request: { base, profile }, dir }: BuildWork): number | undefined {
  const isFirst = !existsSync(join(dir, 'objects', 'vmlinux.o'))
  const isItsOwn = base.kind === 'target' && base.target === profile.base
  return isFirst && isItsOwn ? profile.steps : undefined
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
