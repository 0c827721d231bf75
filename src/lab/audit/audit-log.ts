import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'

import { hasFields, messageOf, newId, tryDecodeJson } from '../../base/index.ts'
import { originOf, type Origin } from './origin.ts'

/** What touches this machine, or lets somebody into a VM. */
export const AUDITED = [
  ...(['trust', 'revoke', 'share', 'disk', 'publish', 'bridge', 'display'] as const),
  ...(['exec', 'ssh', 'console', 'monitor', 'qmp', 'debug', 'copy', 'dump', 'export'] as const),
] as const

export interface Deed {
  readonly what: (typeof AUDITED)[number]
  /** The VM, run or file that it is about. */
  readonly subject: string
  readonly detail: string
}

export interface AuditEntry extends Deed, Origin {
  readonly at: string
}

/** Whose log it is, and what he was started with. */
export interface Audited {
  readonly paths: { readonly state: string }
  readonly env: NodeJS.ProcessEnv
}

const NAME = 'audit.log'
/** A line is appended in one write; with bounded parts it is short enough to be one. */
const MAX_SUBJECT = 256
const MAX_DETAIL = 1024
/** With those that were rotated at most 9 MiB: some 30,000 lines. */
const MAX_BYTES = 1024 * 1024
const KEPT = 8

/**
 * Appends what is done to the log. It costs no verdict: returns a sentence where it cannot be written, on a full disk, for whoever is to hear
 * it.
 */
export function audit(audited: Audited, deeds: readonly Deed[]): string | undefined {
  if (deeds.length === 0) return undefined
  const dir = directory(audited)
  const path = join(dir, NAME)
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    const origin = originOf(audited.env)
    const at = new Date().toISOString()
    const lines = deeds.map((deed) => `${JSON.stringify({ at, ...bounded(deed), ...origin })}\n`)
    append(path, lines)
    return undefined
  } catch (error) {
    const what = deeds.map((deed) => deed.what).join(', ')
    return `${what}: not in the audit log, because ${path} cannot be written: ${messageOf(error)}`
  }
}

/** What the log has, the oldest first, with the number of lines that cannot be read. */
export function readAudit(
  audited: Pick<Audited, 'paths'>,
  since: Date | undefined,
): { readonly entries: AuditEntry[]; readonly damaged: number } {
  const dir = directory(audited)
  const files = [...rotatedFiles(dir), NAME].map((name) => join(dir, name))
  const lines = files.flatMap((path) => textOf(path).split('\n')).filter((line) => line !== '')
  const read = lines.map(entryIn)
  const entries = read.filter((entry) => entry !== undefined)
  return {
    entries: entries.filter(({ at }) => since === undefined || Date.parse(at) >= since.getTime()),
    damaged: read.length - entries.length,
  }
}

/** Nothing of one that was rotated, or removed, meanwhile. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}

function directory({ paths }: Pick<Audited, 'paths'>): string {
  return join(paths.state, 'audit')
}

function bounded({ what, subject, detail }: Deed): Deed {
  return { what, subject: cut(subject, MAX_SUBJECT), detail: cut(detail, MAX_DETAIL) }
}

function cut(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 1)}…`
}

const FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW

function append(path: string, lines: readonly string[]): void {
  const file = openSync(path, FLAGS, 0o600)
  try {
    for (const line of lines) {
      const bytes = Buffer.from(line)
      const written = writeSync(file, bytes)
      if (written < bytes.length) throw new Error('ENOSPC: half of the line was written')
    }
    rotate(path, file)
  } finally {
    closeSync(file)
  }
}

/** Two who do so at once give two names: nothing is written over, and who still has the old file open writes into that. */
function rotate(path: string, file: number): void {
  const { size, ino } = fstatSync(file)
  if (size < MAX_BYTES || lstatSync(path, { throwIfNoEntry: false })?.ino !== ino) return
  const dir = join(path, '..')
  const stamp = new Date().toISOString().replaceAll(/[-:.]/g, '')
  renameSync(path, join(dir, `audit-${stamp}-${newId()}.log`))
  for (const name of rotatedFiles(dir).slice(0, -KEPT)) rmSync(join(dir, name), { force: true })
}

/** The oldest first. */
function rotatedFiles(dir: string): string[] {
  if (!existsSync(dir)) return []
  return readdirSync(dir)
    .filter((name) => /^audit-.*\.log$/.test(name))
    .toSorted()
}

/** A line, or what follows on one that a full disk has cut off. */
function entryIn(line: string): AuditEntry | undefined {
  const start = line.lastIndexOf('{"at":"')
  return start < 0 ? undefined : tryDecodeJson(line.slice(start), isEntry)
}

function isEntry(value: unknown): value is AuditEntry {
  return hasFields(value, {
    ...({ at: 'string', what: 'string', subject: 'string', detail: 'string' } as const),
    ...({ who: 'object', from: 'object' } as const),
  })
}
