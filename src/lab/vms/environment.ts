import { InfraError, isStringList } from '../../base/index.ts'
import type { Paths } from '../session/paths.ts'
import { askFor } from './control.ts'
import type { NamedVm } from './registry.ts'

/** The variables of every command in a VM, as --env takes them: no record has their values, its keeper has. Throws InfraError. */
export async function variablesOf(paths: Paths, vm: NamedVm): Promise<readonly string[]> {
  const { env } = vm.request
  if (env.length === 0) return []
  try {
    return await askFor(paths, vm, { request: { do: 'env' }, check: isStringList })
  } catch (error) {
    // A keeper of a klab that does not know the question; one that does not answer is told of with the first that has to be.
    if (error instanceof InfraError) return env
    throw error
  }
}
