import { realpathSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

import { ConfigError, messageOf } from '../../base/index.ts'
import { readBelieved, type BelievedFile, type Openness } from '../../host/index.ts'
import type { ConfigFile } from './layers.ts'

export const PROJECT_FILE = 'klab.yaml'

/** A file that is there and is not obeyed. */
export interface Ignored {
  readonly path: string
  readonly why: string
}

/** The project's klab.yaml, read once: what is trusted is what was read. */
export interface Project {
  readonly file?: Omit<ConfigFile, 'isTrusted'>
  /** Those nearer, or in its place, that belong to others. */
  readonly ignored: readonly Ignored[]
}

/** The path of the project's klab.yaml, looked for upwards: the file that is read, and written, valid or not. */
export function findProjectFile(cwd: string): string | undefined {
  return candidates(cwd).find(isOurProject)
}

function isOurProject(path: string): boolean {
  try {
    return readBelieved(path, 'group-may-write').kind === 'text'
  } catch {
    // It is there, and whoever reads it says what is wrong.
    return true
  }
}

/** Reads the project's klab.yaml. One of another user is as good as none: anybody can put one into /tmp. Throws ConfigError for one that cannot be read. */
export function readProject(cwd: string): Project {
  const ignored: Ignored[] = []
  for (const path of candidates(cwd)) {
    const found = read(path, 'group-may-write')
    if (found.kind === 'not-ours') ignored.push({ path, why: found.why })
    // Its place is part of what is trusted, however one came there.
    if (found.kind === 'text')
      return {
        file: { path: join(realpathSync(dirname(path)), PROJECT_FILE), text: found.text },
        ignored,
      }
  }
  return { ignored }
}

/** Reads the user's own file, which is obeyed in all that it says. Throws ConfigError, also for one that others could have written. */
export function readUserFile(path: string): ConfigFile | undefined {
  const found = read(path, 'owner-may-write')
  if (found.kind === 'not-ours')
    throw new ConfigError(`${path} is not taken for your configuration: ${found.why}`)
  return found.kind === 'text' ? { path, text: found.text, isTrusted: true } : undefined
}

function read(path: string, openness: Openness): BelievedFile {
  try {
    return readBelieved(path, openness)
  } catch (error) {
    throw new ConfigError(`cannot read ${path}: ${messageOf(error)}`, { cause: error })
  }
}

function candidates(cwd: string): string[] {
  const found: string[] = []
  for (let dir = resolve(cwd); ; dir = dirname(dir)) {
    found.push(join(dir, PROJECT_FILE))
    if (dir === dirname(dir)) return found
  }
}
