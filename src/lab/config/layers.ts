import { ConfigError, nearest, tryDecodeJson } from '../../base/index.ts'
import { configLeaves, type Leaf } from './leaves.ts'
import { describeProblems } from './problems.ts'
import { configSchema, type Config } from './schema.ts'
import { asksOf, type Ask } from './trust-rules.ts'

/** What one source says, leaf by leaf. */
export interface Layer {
  /** For people: a file name, `KLAB_MACHINE_CPUS`, `--cpus`. */
  readonly source: (path: string) => string
  readonly values: ReadonlyMap<string, unknown>
}

/** A file as it was read: what it says is taken from here, and not read again. */
export interface ConfigFile {
  readonly path: string
  readonly text: string
  /** What one that is not says that needs trust is left out. */
  readonly isTrusted: boolean
}

export interface LoadedConfig {
  readonly config: Config
  /** What was set, as it was written: `1G`, not 1024. */
  readonly written: Readonly<Record<string, unknown>>
  /** Where each setting comes from; absent for a default. */
  readonly sources: ReadonlyMap<string, string>
  readonly files: readonly string[]
  /** What a file asks for and does not get. */
  readonly withheld: readonly Ask[]
}

export interface LoadOptions {
  readonly files: readonly ConfigFile[]
  readonly env: NodeJS.ProcessEnv
  readonly flags: ReadonlyMap<string, unknown>
}

/** Files, variables and flags, later ones winning, as one valid configuration. Throws ConfigError with all problems. */
export async function loadConfig(options: LoadOptions): Promise<LoadedConfig> {
  const layers: Layer[] = []
  const withheld: Ask[] = []
  for (const file of options.files) {
    const layer = await fileLayer(file)
    const asks = file.isTrusted ? [] : asksOf(layer.values)
    withheld.push(...asks)
    layers.push({ ...layer, values: without(layer.values, asks) })
  }
  layers.push(environmentLayer(options.env))
  layers.push({ source: () => 'command line', values: options.flags })
  const { raw, sources } = merged(layers, options.files.length)
  const files = options.files.map(({ path }) => path)
  const parsed = configSchema.safeParse(raw)
  if (parsed.success) return { config: parsed.data, written: raw, sources, files, withheld }
  const [issue] = parsed.error.issues
  const path = issue?.path.join('.') ?? ''
  const source = sources.get(path) ?? [...sources].find(([leaf]) => path.startsWith(leaf))?.[1]
  throw new ConfigError(
    `${source ?? 'the configuration'}: ${path}: ${issue?.message ?? 'not valid'}`,
  )
}

/** Later ones win. A file hides what it says besides what others hide: no project uncovers what its user has covered. */
function merged(layers: readonly Layer[], fileCount: number) {
  const raw: Record<string, unknown> = {}
  const sources = new Map<string, string>()
  for (const [index, { values, source }] of layers.entries()) {
    for (const [path, value] of values) {
      const keys = path.split('.')
      const before = path === 'run.hide' && index < fileCount ? (getAt(raw, keys) ?? []) : []
      setAt(raw, keys, Array.isArray(value) ? [...(before as unknown[]), ...value] : value)
      sources.set(path, source(path))
    }
  }
  return { raw, sources }
}

/** What a file says without what it asks for: of a machine that asks for something nothing is left, and of profiles, which lean on each other, none. */
function without(
  values: ReadonlyMap<string, unknown>,
  asks: readonly Ask[],
): ReadonlyMap<string, unknown> {
  if (asks.length === 0) return values
  const left = new Map(values)
  for (const { path } of asks) {
    const [root = '', name = ''] = path.split('.')
    if (root === 'machines') left.set(root, omit(left.get(root), name))
    else left.delete(root === 'profiles' ? root : path)
  }
  return left
}

function omit(value: unknown, name: string): unknown {
  return Object.fromEntries(Object.entries(value ?? {}).filter(([key]) => key !== name))
}

/** A file's settings. Throws ConfigError that names every problem with its line. */
async function fileLayer({ path, text }: ConfigFile): Promise<Layer> {
  const { parseYaml } = await import('./yaml-file.ts')
  const { value, lineOf, syntaxErrors } = parseYaml(text)
  const problems = syntaxErrors.length > 0 ? syntaxErrors : describeProblems(value, lineOf)
  if (problems.length > 0) {
    throw new ConfigError(`${path} is not a valid configuration:`, { details: problems })
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
