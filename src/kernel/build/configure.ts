import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { formatFragment, parseConfig } from '../kconfig/kconfig.ts'
import { verifyConfig } from './verify.ts'
import type { BuildWork, Shop } from './work.ts'

/** Makes the .config among the objects. Throws InfraError for wanted options that did not get into it. */
export async function configure(
  { request, plan, context }: BuildWork,
  output: string,
  { workshop, variables }: Shop,
): Promise<void> {
  const { base } = request
  const path = join(output, '.config')
  const fragment = formatFragment(plan.wanted)
  await writeFile(join(output, 'klab.fragment'), fragment)
  if (base.kind === 'config') {
    await writeFile(path, `${base.text}\n${fragment}`)
  } else if (base.target === 'allnoconfig') {
    const asked = `KCONFIG_ALLCONFIG=${join(workshop.output, 'klab.fragment')}`
    await workshop.make({ targets: [base.target], variables: [...variables, asked], jobs: 1 })
  } else {
    await workshop.make({ targets: [base.target], variables, jobs: 1 })
    await writeFile(path, (await readFile(path, 'utf8')) + fragment)
  }
  await workshop.make({ targets: ['olddefconfig'], variables, jobs: 1 })
  const final = parseConfig(await readFile(path, 'utf8'))
  for (const note of verifyConfig(request, plan, final)) context.onNote(note)
}
