import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { InfraError } from '../../base/index.ts'
import { archFacts } from '../arch/arch.ts'
import { explainLost } from '../kconfig/kconfig-explain.ts'
import { readKconfig } from '../kconfig/kconfig-tree.ts'
import { formatFragment, lostOptions, parseConfig, type WantedOption } from '../kconfig/kconfig.ts'
import type { BuildRequest } from './plan.ts'
import type { BuildWork, Shop } from './work.ts'

/** Makes the .config among the objects. Throws InfraError for wanted options that did not get into it. */
export async function configure(
  { request, plan }: BuildWork,
  output: string,
  { workshop, variables }: Shop,
): Promise<void> {
  const { base } = request.profile
  const path = join(output, '.config')
  const fragment = formatFragment(plan.wanted)
  await writeFile(join(output, 'klab.fragment'), fragment)
  if (base === 'allnoconfig') {
    const asked = `KCONFIG_ALLCONFIG=${join(workshop.output, 'klab.fragment')}`
    await workshop.make({ targets: [base], variables: [...variables, asked], jobs: 1 })
  } else {
    await workshop.make({ targets: [base], variables, jobs: 1 })
    await writeFile(path, (await readFile(path, 'utf8')) + fragment)
  }
  await workshop.make({ targets: ['olddefconfig'], variables, jobs: 1 })
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
