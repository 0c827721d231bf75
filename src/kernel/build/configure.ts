import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { InfraError } from '../../base/index.ts'
import { archFacts } from '../arch/arch.ts'
import { explainLost } from '../kconfig/kconfig-explain.ts'
import { readKconfig } from '../kconfig/kconfig-tree.ts'
import { formatFragment, lostOptions, parseConfig, type WantedOption } from '../kconfig/kconfig.ts'
import { make, type MakeSpec } from './make.ts'
import type { BuildRequest } from './plan.ts'
import type { BuildWork } from './work.ts'

/** Makes the .config among the objects. Throws InfraError for wanted options that did not get into it. */
export async function configure(
  { request, plan }: BuildWork,
  output: string,
  common: Omit<MakeSpec, 'targets' | 'jobs' | 'onStep'>,
): Promise<void> {
  const { base } = request.profile
  const path = join(output, '.config')
  const fragment = formatFragment(plan.wanted)
  await writeFile(join(output, 'klab.fragment'), fragment)
  const quiet = { ...common, onStep: () => undefined, jobs: 1 }
  if (base === 'allnoconfig') {
    const asked = `KCONFIG_ALLCONFIG=${join(common.output, 'klab.fragment')}`
    await make({ ...quiet, variables: [...common.variables, asked], targets: ['allnoconfig'] })
  } else {
    await make({ ...quiet, targets: [base] })
    await writeFile(path, (await readFile(path, 'utf8')) + fragment)
  }
  await make({ ...quiet, targets: ['olddefconfig'] })
  await verify(request, plan.wanted, path)
}

async function verify(
  { tree, arch, options }: BuildRequest,
  wanted: readonly WantedOption[],
  path: string,
): Promise<void> {
  const final = parseConfig(await readFile(path, 'utf8'))
  const lost = lostOptions(wanted, final)
  if (lost.length === 0) return
  const kconfig = readKconfig(tree.path, archFacts(arch).directory)
  const asked = new Set(options.map(({ name }) => name))
  // A profile is for trees of all ages: what this one does not know is not for it.
  const missed = lost.filter(({ name }) => asked.has(name) || kconfig.symbols.has(name))
  if (missed.length === 0) return
  const reasons = missed.map((option) => explainLost(option, kconfig, final))
  const count = missed.length === 1 ? 'an option' : `${missed.length} options`
  throw new InfraError(
    'CONFIG_LOST',
    `the configuration of ${tree.path} lost ${count}: ${reasons[0]}`,
    { details: reasons.slice(1) },
  )
}
