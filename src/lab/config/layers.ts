import { existsSync } from 'node:fs'

import { ConfigError, nearest, tryDecodeJson } from '../../base/index.ts'
import { configLeaves, type Leaf } from './leaves.ts'
import { describeProblems, problemLines } from './problems.ts'
import { configSchema, type Config } from './schema.ts'

/** What one source says, leaf by leaf. */
export interface Layer {
  /** For people: a file name, `KLAB_MACHINE_CPUS`, `--cpus`. */
  readonly source: (path: string) => string
  readonly values: ReadonlyMap<string, unknown>
}

export interface LoadedConfig {
  readonly config: Config
  /** What was set, as it was written: `1G`, not 1024. */
  readonly written: Readonly<Record<string, unknown>>
  /** Where each setting comes from; absent for a default. */
  readonly sources: ReadonlyMap<string, string>
  readonly files: readonly string[]
}

export interface LoadOptions {
  readonly files: readonly string[]
  readonly env: NodeJS.ProcessEnv
  readonly flags: ReadonlyMap<string, unknown>
}

/** Files, variables and flags, later ones winning, as one valid configuration. Throws ConfigError with all problems. */
export async function loadConfig(options: LoadOptions): Promise<LoadedConfig> {
  const files = options.files.filter((path) => existsSync(path))
  const layers: Layer[] = []
  for (const path of files) layers.push(await fileLayer(path))
  layers.push(environmentLayer(options.env))
  layers.push({ source: () => 'command line', values: options.flags })
  const raw: Record<string, unknown> = {}
  const sources = new Map<string, string>()
  for (const { values, source } of layers) {
    for (const [path, value] of values) {
      setAt(raw, path.split('.'), value)
      sources.set(path, source(path))
    }
  }
  const parsed = configSchema.safeParse(raw)
  if (parsed.success) return { config: parsed.data, written: raw, sources, files }
  const [issue] = parsed.error.issues
  const path = issue?.path.join('.') ?? ''
  const source = sources.get(path) ?? [...sources].find(([leaf]) => path.startsWith(leaf))?.[1]
  throw new ConfigError(
    `${source ?? 'the configuration'}: ${path}: ${issue?.message ?? 'not valid'}`,
  )
}

/** A file's settings. Throws ConfigError that names every problem with its line. */
async function fileLayer(path: string): Promise<Layer> {
  const { parseYaml, readYaml } = await import('./yaml-file.ts')
  const text = readYaml(path)
  const { value, lineOf, syntaxErrors } = parseYaml(text)
  const problems = syntaxErrors.length > 0 ? syntaxErrors : describeProblems(value, lineOf)
  if (problems.length > 0) {
    throw new ConfigError(`${path} is not a valid configuration:\n${problemLines(problems)}`)
  }
  const values = new Map<string, unknown>()
  for (const { path: leaf } of configLeaves()) {
    const found = getAt(value, leaf.split('.'))
    if (found !== undefined) values.set(leaf, found)
  }
  return { source: () => path, values }
}

/** KLAB_* variables that are not settings. */
const OTHER_VARIABLES = ['KLAB_HOME']

function environmentLayer(env: NodeJS.ProcessEnv): Layer {
  const leaves = new Map(configLeaves().map((leaf) => [leaf.variable, leaf]))
  const values = new Map<string, unknown>()
  const problems: string[] = []
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith('KLAB_') || OTHER_VARIABLES.includes(name) || text === undefined) continue
    const leaf = leaves.get(name)
    if (leaf) values.set(leaf.path, parseText(leaf, text))
    else {
      const near = nearest(name, [...leaves.keys()])
      problems.push(`${name} is not a setting${near ? `; did you mean ${near}?` : ''}`)
    }
  }
  if (problems.length > 0) throw new ConfigError(`in the environment: ${problems.join(', ')}`)
  const variableOf = (path: string) =>
    configLeaves().find((leaf) => leaf.path === path)?.variable ?? path
  return { source: variableOf, values }
}

/** A setting's value from one string: a variable, or `klab config set`. */
export function parseText(leaf: Leaf, text: string): unknown {
  if (leaf.type.startsWith('list')) return listOf(text)
  if (leaf.type.startsWith('map')) return jsonOf(text) ?? text
  if (leaf.type === 'boolean')
    return text === 'true' || text === '1' ? true : text === 'false' || text === '0' ? false : text
  if (/integer|number/.test(leaf.type) && /^-?\d+$/.test(text)) return Number(text)
  if (leaf.type.includes('null') && ['none', 'null'].includes(text)) return null
  return text
}

/** A list as `klab config get` prints it (JSON), or its items with commas between them. */
function listOf(text: string): unknown[] {
  const json = jsonOf(text)
  if (Array.isArray(json)) return json
  return text === '' ? [] : text.split(',').map((item) => item.trim())
}

/** Undefined for what is no JSON, as `[::1]:8080:80` is none. */
function jsonOf(text: string): unknown {
  // The schema looks at it.
  return tryDecodeJson(text, (value): value is unknown => value !== undefined)
}

export function getAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (inner, name) =>
      typeof inner === 'object' && inner !== null
        ? (inner as Record<string, unknown>)[name]
        : undefined,
    value,
  )
}

function setAt(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [name = '', ...rest] = path
  if (rest.length === 0) target[name] = value
  else setAt((target[name] ??= {}) as Record<string, unknown>, rest, value)
}
