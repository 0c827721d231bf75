import { existsSync, readdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'

import { InfraError } from '../../base/index.ts'
import type { Lab } from '../session/context.ts'
import { withStore } from './history.ts'
import { isRunAlive } from './live-runs.ts'

/**
 * Removes a finished run, its record and its files, and returns its id; also one of which only the files are there, or whose record is in a
 * database that cannot be used. Throws InfraError if there is none, or several, and for one that goes on.
 */
export async function removeRun(lab: Lab, prefix: string): Promise<string> {
  try {
    return await withStore(lab, async (store) => {
      const { id, outcome } = await store.run(prefix)
      if (outcome === null) throw goesOn(id)
      await removeFiles(lab, id)
      await store.removeRun(id)
      return id
    })
  } catch (error) {
    const id = isOfRecord(error) ? directoryNamed(lab, prefix) : undefined
    if (id === undefined) throw error
    if (await isRunAlive(lab, id)) throw goesOn(id)
    await removeFiles(lab, id)
    return id
  }
}

function goesOn(id: string): InfraError {
  return new InfraError('RUN_LIVES', `run ${id} goes on; end it before it is removed`)
}

/** There is no record, or none that can be had. */
function isOfRecord(error: unknown): boolean {
  return error instanceof InfraError && (error.code === 'RUN' || error.code.startsWith('STORE'))
}

function directoryNamed({ paths }: Lab, prefix: string): string | undefined {
  const parent = join(paths.state, 'runs')
  const found = existsSync(parent) ? readdirSync(parent) : []
  const [id, other] = found.filter((name) => name.startsWith(prefix))
  return prefix === '' || other !== undefined ? undefined : id
}

async function removeFiles({ paths }: Lab, id: string): Promise<void> {
  await rm(join(paths.state, 'runs', id), { recursive: true, force: true })
}
