import { z } from 'zod'

import { configSchema } from './schema.ts'

/** One setting: its dotted path, and what the schema says of it. */
export interface Leaf {
  readonly path: string
  readonly description: string
  /** For people: `int`, `auto | kvm | tcg`, `list of string`. */
  readonly type: string
  readonly default: unknown
  /** The environment variable that sets it. */
  readonly variable: string
}

interface JsonSchema {
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly default?: unknown
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly items?: JsonSchema
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly JsonSchema[]
  readonly additionalProperties?: unknown
}

/** The JSON Schema of a configuration file, for editors. */
export function configJsonSchema(): JsonSchema {
  // `input`: a file holds what people write (1G), not what klab makes of it.
  return z.toJSONSchema(configSchema, { io: 'input' }) as JsonSchema
}

let leaves: readonly Leaf[] | undefined

/** All settings, in the order of the schema. */
export function configLeaves(): readonly Leaf[] {
  leaves ??= walk(configJsonSchema(), [], {})
  return leaves
}

/** The setting of a path, also of a machine with a name: `machines.small.cpus`. */
export function leafAt(path: string): Leaf | undefined {
  const [, field] = /^machines\.[^.]+\.([^.]+)$/.exec(path) ?? []
  const wanted = field === undefined ? path : `machine.${field}`
  const leaf = configLeaves().find((one) => one.path === wanted)
  // What a machine does not say, machine says.
  return leaf && field !== undefined ? { ...leaf, path, default: undefined } : leaf
}

/** The paths of all settings, those of machines with a name included. */
export function settingPaths(machines: readonly string[]): string[] {
  const all = configLeaves().map(({ path }) => path)
  const fields = all.flatMap((path) => /^machine\.(.+)$/.exec(path)?.[1] ?? [])
  return [...all, ...machines.flatMap((name) => fields.map((field) => `machines.${name}.${field}`))]
}

function walk(schema: JsonSchema, path: readonly string[], defaults: unknown): Leaf[] {
  const fallback = (schema.default ?? defaults) as Record<string, unknown> | undefined
  if (schema.properties && schema.additionalProperties === false) {
    return Object.entries(schema.properties).flatMap(([name, inner]) =>
      walk(inner, [...path, name], fallback?.[name]),
    )
  }
  const dotted = path.join('.')
  return [
    {
      path: dotted,
      description: schema.description ?? '',
      type: typeName(schema, path.at(-1)),
      default: schema.default ?? defaults,
      variable: variableOf(dotted),
    },
  ]
}

/** `machine.bootTimeout` -> `KLAB_MACHINE_BOOT_TIMEOUT`. */
function variableOf(path: string): string {
  return `KLAB_${path
    .replaceAll('.', '_')
    .replaceAll(/(?<=[a-z])(?=[A-Z])/g, '_')
    .toUpperCase()}`
}

function typeName(
  { type, enum: values, items, anyOf, additionalProperties }: JsonSchema,
  name = 'values',
): string {
  if (values) return values.join(' | ')
  if (anyOf) return [...new Set(anyOf.map((one) => typeName(one)))].join(' or ')
  if (type === 'array') return `list of ${items ? typeName(items) : 'values'}`
  if (type === 'object' && additionalProperties) return `map of ${name}`
  return Array.isArray(type) ? type.join(' or ') : String(type ?? 'value')
}
