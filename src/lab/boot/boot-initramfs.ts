import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { InfraError } from '../../base/index.ts'
import { AGENT, initramfs } from '../../guest/index.ts'
import { nativeProgram } from '../../host/index.ts'
import { ModuleDirectory, type BootPlan, type Kernel } from '../../kernel/index.ts'
import type { BootRequest } from './boot-request.ts'
import type { Lab } from '../session/context.ts'

/** Writes the initramfs of a boot into a directory: the agent, and the modules that its plan needs. Throws InfraError. */
export async function writeInitramfs(
  lab: Lab,
  { kernel, agentPath }: BootRequest,
  { plan, dir }: { readonly plan: BootPlan; readonly dir: string },
): Promise<string> {
  const agent = await readFile(agentPath ?? (await nativeProgram(AGENT, lab.paths.cache)))
  const closure = plan.modules.length === 0 ? [] : await bootModules(kernel, plan)
  const path = join(dir, 'initramfs')
  await writeFile(path, initramfs(agent, closure))
  return path
}

async function bootModules(kernel: Kernel, plan: BootPlan) {
  const directory = await ModuleDirectory.open(kernel.modulesDir ?? '')
  const missing = plan.modules.filter((name) => !directory.has(name))
  if (missing.length > 0) {
    throw new InfraError(
      'MODULES',
      `the kernel ${kernel.origin} has ${missing.join(', ')} as modules, and ${kernel.modulesDir ?? 'no directory of modules'} does not hold them`,
    )
  }
  return await directory.closure(plan.modules)
}
