import { dirname, join, resolve } from 'node:path'
import { existsSync, realpathSync } from 'node:fs'

import { InfraError, shellWord, UsageError } from '../../base/index.ts'
import { findProjectFile, PROJECT_FILE, readProject } from '../config/project-file.ts'
import type { Ask } from '../config/trust-rules.ts'
import { sha256, TrustStore, type Trust } from '../config/trust-store.ts'
import { audit, type Audited } from '../audit/audit-log.ts'
import type { Lab } from './context.ts'
import type { Paths } from './paths.ts'

/** A project's file, and what it asks of its user. */
export interface TrustQuestion {
  readonly path: string
  readonly sha256: string
  /** What it does only for a user who trusts it. */
  readonly asks: readonly Ask[]
  readonly isTrusted: boolean
}

/** An answer to it. */
export interface TrustAnswer extends TrustQuestion {
  /** Remembers a yes; returns what went wrong with the audit log. */
  readonly trust: () => Promise<string | undefined>
}

/** What the file of the project in, or above, a directory asks for. Throws UsageError where there is none that could be trusted. */
export async function trustQuestion(audited: Audited, dir: string): Promise<TrustAnswer> {
  const { file, ignored } = readProject(dir)
  const [theirs] = ignored
  if (!file && theirs)
    throw new UsageError(
      `${theirs.path} cannot be trusted: ${theirs.why}; make a ${PROJECT_FILE} of your own of it, in a directory of yours`,
    )
  if (!file) throw new UsageError(`there is no ${PROJECT_FILE} in ${dir} or above it`)
  const { loadConfig } = await import('../config/layers.ts')
  const { withheld } = await loadConfig({
    ...{ files: [{ ...file, isTrusted: false }], env: {}, flags: new Map() },
  })
  const store = new TrustStore(audited.paths.state)
  const detail = withheld.map(withoutValues).map(describeAsk).join(', ')
  return {
    ...{ path: file.path, sha256: sha256(file.text), asks: withheld },
    isTrusted: withheld.length === 0 || store.trusts(file),
    trust: async () => {
      await store.add(file)
      return audit(audited, [{ what: 'trust', subject: file.path, detail }])
    },
  }
}

/** Throws InfraError where the project asks for what it does not get: the verdict would be that of another run. */
export function requireTrust({ loaded, project }: Lab): void {
  const { file } = project
  if (!file || loaded.withheld.length === 0) return
  throw new InfraError(
    'TRUST',
    `${file.path} asks for what is only done for a file that you trust; look at it, then: klab trust ${shellWord(dirname(file.path))}`,
    { details: loaded.withheld.map(describeAsk) },
  )
}

/** As it is recorded: of variables the names alone. */
function withoutValues(ask: Ask): Ask {
  if (ask.path !== 'run.env' || !Array.isArray(ask.value)) return ask
  return { ...ask, value: ask.value.map((item) => String(item).split('=', 1)[0]) }
}

/** `qemu: "./evil" (starts a program)`, its control characters visible. */
export function describeAsk({ path, value, why }: Ask): string {
  return `${visible(path)}: ${visible(JSON.stringify(value))} (${why})`
}

function visible(text: string): string {
  const some = text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text
  return some.replaceAll(
    /[\p{C}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  )
}

const MAX_SHOWN = 400

/** One that is trusted. */
export interface TrustEntry extends Trust {
  /** Whether it is what the file contains now. */
  readonly state: 'in force' | 'other content' | 'gone'
}

/** Whatever is trusted, the newest first. */
export function listTrust(paths: Pick<Paths, 'state'>): TrustEntry[] {
  return new TrustStore(paths.state).list().map((trust) => ({ ...trust, state: stateOf(trust) }))
}

function stateOf(trust: Trust): TrustEntry['state'] {
  if (!existsSync(trust.path)) return 'gone'
  try {
    const { file } = readProject(dirname(trust.path))
    return file?.path === trust.path && sha256(file.text) === trust.sha256
      ? 'in force'
      : 'other content'
  } catch {
    return 'other content'
  }
}

/** Trusts the file of a project no more, whatever it contained; returns its path. Throws UsageError where it was not. */
export function revokeTrust(audited: Audited, dir: string): string {
  const path = findProjectFile(dir) ?? join(resolve(dir), PROJECT_FILE)
  const place = existsSync(dirname(path)) ? join(realpathSync(dirname(path)), PROJECT_FILE) : path
  if (new TrustStore(audited.paths.state).revoke(place) === 0)
    throw new UsageError(`${place} is not trusted (klab trust --list)`)
  audit(audited, [{ what: 'revoke', subject: place, detail: '' }])
  return place
}

/**
 * Changes a file by a command of its user. What he trusts, or what asked for nothing, is trusted as it is then: he has said himself what is new in it.
 */
export async function keepingTrust<T>(
  audited: Audited & { readonly paths: Pick<Paths, 'userConfig'> },
  file: string,
  change: () => Promise<T>,
): Promise<T> {
  if (file === audited.paths.userConfig) return await change()
  const isTrusted = !existsSync(file) || (await answerFor(audited, file))?.isTrusted === true
  const result = await change()
  if (isTrusted && existsSync(file)) {
    const after = await answerFor(audited, file)
    if (after && !after.isTrusted) await after.trust()
  }
  return result
}

/** Undefined for a file that is not valid, or of others: it gets no trust by being mended. */
async function answerFor(audited: Audited, file: string): Promise<TrustAnswer | undefined> {
  try {
    return await trustQuestion(audited, dirname(file))
  } catch {
    return undefined
  }
}
