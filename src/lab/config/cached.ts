import { createHash } from 'node:crypto'
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'

import { hasFields, isListOf, isStringList, tryDecodeJson } from '../../base/index.ts'
import { cacheFile, noteIn } from '../../host/index.ts'
import type { LoadedConfig, LoadOptions } from './layers.ts'
import type { Ask } from './trust-rules.ts'

/**
 * As loadConfig, from the last time that the same files, variables and flags were loaded by the same klab: the schema and YAML
 * libraries take as long to load as half a clone to start. What is not valid is not kept, so its problems are always told.
 */
export async function loadCachedConfig(
  options: LoadOptions,
  cacheDir: string,
): Promise<LoadedConfig> {
  const path = join(cacheDir, 'config', `${cacheKey(options)}.json`)
  const cached = readCached(path)
  if (cached) return cached
  const { loadConfig } = await import('./layers.ts')
  const loaded = await loadConfig(options)
  const sources = [...loaded.sources]
  makeRoom(join(cacheDir, 'config'))
  // What a variable sets for guests may be a secret, and is on no disk.
  if (options.env['KLAB_RUN_ENV'] !== undefined) return loaded
  await cacheFile(path, JSON.stringify({ ...loaded, sources }))
  return loaded
}

/** Every change of a file or variable leaves an old one behind. */
const MAX_KEPT = 64

function makeRoom(dir: string): void {
  const isFull = existsSync(dir) && readdirSync(dir).length >= MAX_KEPT
  if (isFull) rmSync(dir, { recursive: true, force: true })
}

function cacheKey({ files, env, flags }: LoadOptions): string {
  // In the bundle, a change of the schema changes the name of the file that this one imports, and so this one.
  const code = [import.meta.filename, join(import.meta.dirname, 'schema.ts')]
  const variables = variablesOf(env).map((name) => [name, env[name]])
  const parts = [code.map(stateOf), files, variables, [...flags]]
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32)
}

function variablesOf(env: NodeJS.ProcessEnv): string[] {
  return Object.keys(env)
    .filter((name) => name.startsWith('KLAB_'))
    .toSorted()
}

function stateOf(path: string): string {
  try {
    const { mtimeMs, size, ino } = statSync(path)
    return [path, mtimeMs, size, ino].join(' ')
  } catch {
    return `${path} absent`
  }
}

function readCached(path: string): LoadedConfig | undefined {
  const cached = tryDecodeJson(noteIn(path), isCached)
  return cached && { ...cached, sources: new Map(cached.sources) }
}

type Cached = Omit<LoadedConfig, 'sources'> & { readonly sources: readonly [string, string][] }

/** Its settings were found valid when they were written; who damages those by hand gets what he asks for. */
function isCached(value: unknown): value is Cached {
  return (
    hasFields(value, { config: 'object', written: 'object' }) &&
    isStringList(value['files']) &&
    isListOf(value['withheld'], isAsk) &&
    isListOf(value['sources'], isPair)
  )
}

function isAsk(value: unknown): value is Ask {
  return hasFields(value, { path: 'string', why: 'string' })
}

function isPair(value: unknown): value is [string, string] {
  return isStringList(value) && value.length === 2
}
