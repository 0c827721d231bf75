import {
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'

import { isRecord, tryDecodeJson } from '../../base/index.ts'
import { readOwn } from '../../host/index.ts'
import {
  isProblem,
  withoutValues,
  type NewRun,
  type RunRow,
  type Store,
  type StoredReport,
} from '../../store/index.ts'
import type { Lab } from '../session/context.ts'
import { isOwnerAlive } from './owner.ts'

/** A run as a file: of one whose end the database could not take, and of klabs that wrote all their records so. */
interface RecordFile {
  readonly run: NewRun
  readonly reports: readonly StoredReport[]
}

/** A run has at most 100 reports of some kilobytes. */
const MAX_BYTES = 64 * 1024 * 1024

/** Writing one takes moments. */
const ABANDONED_AFTER_MS = 60_000

/** Leaves the end of a run as a file, for the next klab that opens the database. Returns its path. */
export function leaveRecord(lab: Lab, record: RecordFile): string {
  const path = join(recordDir(lab), `${record.run.id}.json`)
  // Whoever has taken in all others removes the directory, perhaps just now.
  for (let triesLeft = 3; ; triesLeft--) {
    try {
      writeWhole(path, JSON.stringify(record))
      return path
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || triesLeft === 0) throw error
    }
  }
}

function writeWhole(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  try {
    writeFileSync(`${path}.tmp`, text, { mode: 0o600 })
    renameSync(`${path}.tmp`, path)
  } catch (error) {
    // On a full disk a part of it.
    rmSync(`${path}.tmp`, { force: true })
    throw error
  }
}

/** Takes the records that lie there as files into the database, and removes them; a full disk takes none. Throws InfraError. */
export function takeInRecords(lab: Lab, { changes }: Store): void {
  const dir = recordDir(lab)
  const names = namesIn(dir)
  if (!names) return
  for (const name of names.filter((file) => file.endsWith('.tmp'))) {
    const path = join(dir, name)
    if (ageMs(path) > ABANDONED_AFTER_MS) rmSync(path, { force: true })
  }
  try {
    for (const name of names) if (name.endsWith('.json')) takeIn(join(dir, name), changes)
  } catch (error) {
    // Whoever makes room must be able to see for what.
    if (!isProblem(error, 'FULL')) throw error
  }
  try {
    rmdirSync(dir)
  } catch {
    // Something is in it.
  }
}

function takeIn(path: string, changes: Store['changes']): void {
  const seen = readRecord(path)
  if (!seen) return
  const isFinal = hasEnded(seen) || !isOwnerAlive(seen.run)
  // Its owner may have written the end since, and gone.
  const record = isFinal ? readRecord(path) : seen
  if (!record) return
  if (hasEnded(record)) changes.end(record.run, record.reports)
  else changes.begin(record.run)
  if (isFinal) rmSync(path, { force: true })
}

function hasEnded({ run }: RecordFile): boolean {
  return typeof run.outcome === 'string'
}

/** Undefined for one that another klab has just taken in, and for one that is damaged, which is put aside. */
function readRecord(path: string): RecordFile | undefined {
  let text: string
  try {
    text = readOwn(path, MAX_BYTES).toString('utf8')
  } catch {
    // Taken in just now, or none that klab has written, which is put aside as what is damaged is.
    if (!existsSync(path)) return undefined
    text = ''
  }
  const record = tryDecodeJson(text, isRecordFile)
  if (!record) putAside(path)
  if (!record) return undefined
  const { run, reports } = record
  // Of a klab that kept values of variables.
  const request = run.request === undefined ? null : withoutValues(run.request)
  return { run: { ...run, request }, reports: reports.map(wholeReport) }
}

function putAside(path: string): void {
  try {
    renameSync(path, `${path}.damaged`)
  } catch {
    // Another klab was faster.
  }
}

/** A report of an older klab has neither fingerprint nor function. */
function wholeReport({ fingerprint, function: name, cause, ...report }: StoredReport) {
  return { ...report, fingerprint: fingerprint ?? '', function: name ?? null, cause: cause ?? null }
}

/** What a column of a run holds in a file, where others may be missing. */
const TYPES = {
  ...{ id: 'string', startedAt: 'string', argv: 'string', cwd: 'string', kernel: 'string' },
  ...{ machine: 'string', consolePath: 'string', pid: 'number' },
} as const satisfies Partial<Record<keyof RunRow, string>>

function isRecordFile(value: unknown): value is RecordFile {
  if (!isRecord(value)) return false
  const { run, reports } = value
  return (
    isRecord(run) &&
    Object.entries(TYPES).every(([column, type]) => typeof run[column] === type) &&
    Object.values(run).every((held) => held === null || /string|number/.test(typeof held)) &&
    Array.isArray(reports) &&
    reports.every(isReport)
  )
}

function isReport(value: unknown): boolean {
  return (
    isRecord(value) &&
    ['kind', 'title', 'text'].every((name) => typeof value[name] === 'string') &&
    ['fingerprint', 'function', 'cause'].every(
      (name) => (value[name] ?? null) === null || typeof value[name] === 'string',
    )
  )
}

/** Its name is of klabs that wrote every record so. */
function recordDir(lab: Lab): string {
  return join(lab.paths.state, 'journal')
}

function namesIn(dir: string): string[] | undefined {
  try {
    return readdirSync(dir)
  } catch {
    return undefined
  }
}

function ageMs(path: string): number {
  const found = statSync(path, { throwIfNoEntry: false })
  return found ? Date.now() - found.mtimeMs : 0
}
