import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { InfraError, isNoRoom, messageOf, systemProblem } from '../../base/index.ts'
import { AGENT, initramfs } from '../../guest/index.ts'
import { nativeProgram } from '../../host/index.ts'
import { ModuleDirectory, type BootPlan, type Kernel } from '../../kernel/index.ts'
import type { BootRequest } from './boot-request.ts'
import type { Lab } from '../session/context.ts'

/** Writes the initramfs of a boot into the first of some directories that has room: the agent, and the modules that its plan needs. Throws InfraError. */
export async function writeInitramfs(
  lab: Lab,
  { kernel, agentPath }: BootRequest,
  { plan, dirs }: { readonly plan: BootPlan; readonly dirs: readonly string[] },
): Promise<string> {
  const agent = await readFile(agentPath ?? (await nativeProgram(AGENT, lab.paths.cache)))
  const closure = plan.modules.length === 0 ? [] : await bootModules(kernel, plan)
  return await writeInOneOf(dirs, initramfs(agent, closure))
}

async function writeInOneOf(dirs: readonly string[], data: Uint8Array): Promise<string> {
  const [dir = '', ...others] = dirs
  const path = join(dir, 'initramfs')
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 })
    await writeFile(path, data)
    return path
  } catch (error) {
    await rm(path, { force: true })
    if (isNoRoom(error) && others.length > 0) return await writeInOneOf(others, data)
    throw new InfraError(
      'INITRAMFS',
      `the VM cannot boot: its initramfs cannot be written to ${path}: ${systemProblem(error) ?? messageOf(error)}`,
      { cause: error },
    )
  }
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
