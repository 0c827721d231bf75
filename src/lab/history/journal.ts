import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import type { NewRun, Store, StoredReport } from '../../store/index.ts'
import type { Lab } from '../session/context.ts'

/** What a run writes down of itself: at its start, and once more, whole, at its end. */
export interface JournalEntry {
  readonly run: NewRun
  readonly reports: readonly StoredReport[]
}

/**
 * Runs write their records as files, and whoever opens the store takes them in: loading a database layer takes as long
 * as half a run.
 */
export function writeEntry(lab: Lab, entry: JournalEntry): void {
  const path = join(journalDir(lab), `${entry.run.id}.json`)
  mkdirSync(journalDir(lab), { recursive: true, mode: 0o700 })
  // Whole or not at all; the run's own process writes one at a time.
  writeFileSync(`${path}.tmp`, JSON.stringify(entry), { mode: 0o600 })
  renameSync(`${path}.tmp`, path)
}

/** How many records wait to be taken in. */
export function waitingEntries(lab: Lab): number {
  return entryNames(lab).length
}

/** Takes all records into the store; those of runs that have ended are then there alone. */
export async function takeInEntries(lab: Lab, store: Store): Promise<void> {
  for (const name of entryNames(lab)) {
    const path = join(journalDir(lab), name)
    const entry = readEntry(path)
    if (!entry) continue
    await store.putRun(entry.run, entry.reports)
    if (entry.run.outcome !== null && entry.run.outcome !== undefined) rmSync(path, { force: true })
  }
}

/** Forgets the record of a run, which the store knows to be over. */
export function dropEntry(lab: Lab, id: string): void {
  rmSync(join(journalDir(lab), `${id}.json`), { force: true })
}

function journalDir(lab: Lab): string {
  return join(lab.paths.state, 'journal')
}

function entryNames(lab: Lab): string[] {
  try {
    return readdirSync(journalDir(lab)).filter((name) => name.endsWith('.json'))
  } catch {
    return []
  }
}

/** Undefined for one that another klab has just taken in, or that somebody has damaged. */
function readEntry(path: string): JournalEntry | undefined {
  try {
    // Written by us above.
    return JSON.parse(readFileSync(path, 'utf8')) as JournalEntry
  } catch {
    return undefined
  }
}
