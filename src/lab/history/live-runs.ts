import { readdirSync, statSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'

import { isLocked } from '../../host/index.ts'
import { isProblem, type Store } from '../../store/index.ts'
import { removeLeftovers } from '../aside/leftovers.ts'
import type { Outcome } from '../outcome/outcome.ts'
import type { Lab } from '../session/context.ts'
import { isOwnerAlive } from './owner.ts'

/** A run is recorded within moments of its start. */
const ORPHAN_AGE_MS = 60_000

/** Whether the VM of a run lives: QEMU holds the lock of its directory, and the kernel drops it with QEMU. */
export async function isRunAlive(lab: Lab, id: string): Promise<boolean> {
  return await isLocked(join(lab.paths.state, 'runs', id, 'lock'), lab.paths.cache)
}

/**
 * Cleans up after owners that were killed: their runs are recorded as lost, their sockets and exports removed. Live
 * ones are left alone. Returns the ids that were reaped.
 */
export async function reapRuns(lab: Lab, store: Store): Promise<string[]> {
  await removeLeftovers(lab.paths)
  const reaped: string[] = []
  for (const row of await store.unfinished()) {
    if (isOwnerAlive(row) || (await isRunAlive(lab, row.id))) continue
    const outcome: Outcome = { kind: 'lost', reason: 'klab was killed while the run went on' }
    const end = { endedAt: new Date().toISOString(), detail: JSON.stringify(outcome) }
    if (lose(store, row.id, end)) reaped.push(row.id)
    await removeUnfinished(join(lab.paths.state, 'runs', row.id))
  }
  const unfinished = new Set((await store.unfinished()).map(({ id }) => id))
  for (const id of directories(lab.paths.runtime)) {
    if (unfinished.has(id) || (await isRunAlive(lab, id))) continue
    // One that has just begun may not be recorded yet.
    if ((await store.hasEnded(id)) || isOld(join(lab.paths.runtime, id))) {
      await rm(join(lab.paths.runtime, id), { recursive: true, force: true })
    }
  }
  return reaped
}

/** What a run writes and removes before it ends: all of a guest's memory may be in it. */
const UNFINISHED = /^(?:initramfs|(?:vmcore|hang)\.(?:packed|partial)|memory-.*)$/

async function removeUnfinished(dir: string): Promise<void> {
  if (!statSync(dir, { throwIfNoEntry: false })?.isDirectory()) return
  const left = readdirSync(dir).filter((name) => UNFINISHED.test(name))
  await Promise.all(left.map((name) => rm(join(dir, name), { recursive: true, force: true })))
}

/** A full disk takes no record, and whoever makes room must be able to see for what. */
function lose(store: Store, id: string, end: { endedAt: string; detail: string }): boolean {
  try {
    return store.changes.lose(id, end)
  } catch (error) {
    if (isProblem(error, 'FULL')) return false
    throw error
  }
}

/** Whether a directory is of no run that is being started right now. One that its run has just removed is of none either. */
function isOld(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false })
  return !found || Date.now() - found.mtimeMs > ORPHAN_AGE_MS
}

/** What VMs have in common lies beside what is one VM's. */
const SHARED = ['ports', 'segments', 'tickets']

function directories(path: string): string[] {
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !SHARED.includes(entry.name))
    .map(({ name }) => name)
}
