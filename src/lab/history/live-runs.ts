import { readdirSync, statSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'

import { isLocked } from '../../host/index.ts'
import type { Store } from '../../store/index.ts'
import type { Lab } from '../session/context.ts'
import { dropEntry } from './journal.ts'

/** A run is recorded within moments of its start. */
const ORPHAN_AGE_MS = 60_000

/** Whether the VM of a run lives: QEMU holds the lock of its directory, and the kernel drops it with QEMU. */
export async function isRunAlive(lab: Lab, id: string): Promise<boolean> {
  return await isLocked(join(lab.paths.state, 'runs', id, 'lock'))
}

/** Whether the klab that began a run is still there; it records the end. */
function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/**
 * Cleans up after owners that were killed: their runs are recorded as lost, their sockets and exports removed. Live
 * ones are left alone. Returns the ids that were reaped.
 */
export async function reapRuns(lab: Lab, store: Store): Promise<string[]> {
  const reaped: string[] = []
  for (const row of await store.unfinished()) {
    if (isProcessAlive(row.pid) || (await isRunAlive(lab, row.id))) continue
    const outcome = { kind: 'lost', reason: 'klab was killed while the run went on' }
    await store.updateRun(row.id, {
      endedAt: new Date().toISOString(),
      outcome: 'lost',
      exitCode: 125,
      detail: JSON.stringify(outcome),
    })
    dropEntry(lab, row.id)
    reaped.push(row.id)
  }
  const unfinished = new Set((await store.unfinished()).map(({ id }) => id))
  for (const id of directories(lab.paths.runtime)) {
    if (unfinished.has(id) || (await isRunAlive(lab, id))) continue
    // One that has just begun may not be recorded yet.
    if ((await isRecorded(store, id)) || isOld(join(lab.paths.runtime, id))) {
      await rm(join(lab.paths.runtime, id), { recursive: true, force: true })
      await rm(join(lab.paths.state, 'runs', id, 'initramfs'), { force: true })
    }
  }
  return reaped
}

async function isRecorded(store: Store, id: string): Promise<boolean> {
  const row = await store.run(id).catch(() => undefined)
  return row !== undefined && row.outcome !== null
}

/** Whether a directory is of no run that is being started right now. */
function isOld(path: string): boolean {
  return Date.now() - statSync(path).mtimeMs > ORPHAN_AGE_MS
}

/** What VMs have in common lies beside what is one VM's. */
const SHARED = ['ports', 'segments', 'tickets']

function directories(path: string): string[] {
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !SHARED.includes(entry.name))
    .map(({ name }) => name)
}
