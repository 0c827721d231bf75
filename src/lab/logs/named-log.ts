import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

import { InfraError } from '../../base/index.ts'
import { dmesgOf } from '../dumps/dump-file.ts'
import { showRun } from '../history/history.ts'
import type { Lab } from '../session/context.ts'
import type { Paths } from '../session/paths.ts'
import { VmRegistry, type NamedVm } from '../vms/registry.ts'
import { withVmMemory } from '../vms/vm-memory.ts'

/** A VM or a run whose kernel has said something. */
interface NamedLog {
  readonly name: string
  readonly runId: string
  /** What is kept of its run, the console among it. */
  readonly dir: string
  /** It runs. */
  readonly live?: NamedVm
}

/** Whether a word means a file here, and not a VM or a run: it has a slash, or there is such a file. */
export function isFileName(word: string): boolean {
  return word === '-' || word.includes('/') || existsSync(word)
}

/** What a name means where a log is wanted: a VM, or a run by its name or its id. Throws InfraError if it is neither. */
export async function namedLog(lab: Lab, name: string): Promise<NamedLog> {
  const vm = new VmRegistry(lab.paths).find(name)
  if (vm) {
    const { runId } = vm
    const dir = join(lab.paths.state, 'runs', runId)
    return { name, runId, dir, ...(vm.state !== 'stopped' && { live: vm }) }
  }
  try {
    const run = await showRun(lab, name.replace(/^run-/, ''))
    return { name, runId: run.id, dir: dirname(run.consolePath) }
  } catch (error) {
    if (!(error instanceof InfraError && error.code === 'RUN')) throw error
    throw new InfraError('LOG', `${name} is no file and no VM, and ${error.message}`, {
      cause: error,
    })
  }
}

/** Where its console is recorded. */
export function consolePathOf({ dir }: NamedLog): string {
  return join(dir, 'console.log')
}

/** The log of its kernel, read from its memory: as it runs, or as it was dumped when it crashed. Throws InfraError. */
export async function memoryLogOf(
  paths: Paths,
  { name, runId, dir, live }: NamedLog,
  parts: Pick<Parameters<typeof withVmMemory>[2], 'onProgress' | 'signal'>,
): Promise<string[]> {
  if (live) return await withVmMemory(paths, live, { ...parts, use: async (dump) => dmesgOf(dump) })
  const dump = join(dir, 'vmcore')
  if (existsSync(dump)) return dmesgOf(dump)
  throw new InfraError(
    'DUMP',
    `${name} does not run, and has left no dump of its memory (--on-crash dump writes one); klab runs show ${runId} --console shows what it printed`,
  )
}
