import { ConfigError, messageOf } from '../../base/index.ts'
import { textOutside } from '../../host/index.ts'
import {
  isAlias,
  isScalar,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type YAMLMap,
} from 'yaml'

export interface ParsedYaml {
  readonly document: Document
  readonly value: unknown
  readonly lineOf: (path: readonly PropertyKey[]) => number | undefined
  readonly syntaxErrors: readonly string[]
}

/** The longest that people write have some KiB. */
const MAX_BYTES = 128 * 1024
/** Each is looked for in all of the file. */
const MAX_ALIASES = 100

/** The text of a configuration's file. Throws ConfigError for what is no such file, or too long for one. */
export function readYaml(path: string): string {
  try {
    return textOutside(path, MAX_BYTES)
  } catch (error) {
    throw new ConfigError(`cannot read ${path}: ${messageOf(error)}`, { cause: error })
  }
}

/** A YAML text with the lines of its values; of one with errors there is no value. Takes time linear in its length. */
export function parseYaml(text: string): ParsedYaml {
  const lines = new LineCounter()
  const document = parseDocument(text, {
    ...{ lineCounter: lines, prettyErrors: false },
    // The library compares each key with each other.
    uniqueKeys: false,
  })
  const lineAt = (offset: number) => `line ${lines.linePos(offset).line}: `
  const lineOf = (path: readonly PropertyKey[]): number | undefined => {
    for (let length = path.length; length > 0; length--) {
      const node = document.getIn(path.slice(0, length), true) as { range?: [number] } | undefined
      if (node?.range) return lines.linePos(node.range[0]).line
    }
    return undefined
  }
  const syntaxErrors = document.errors.map(
    ({ message, pos }) => `${lineAt(pos[0])}${sayOf(message)}`,
  )
  if (syntaxErrors.length === 0)
    syntaxErrors.push(
      ...strangeNodes(document).map(({ offset, message }) => `${lineAt(offset)}${message}`),
    )
  const value = syntaxErrors.length === 0 ? valueOf(document, syntaxErrors) : {}
  return { document, value, lineOf, syntaxErrors: [...new Set(syntaxErrors)] }
}

/** An empty file is an empty configuration. */
function valueOf(document: Document, errors: string[]): unknown {
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES }) ?? {}
  } catch (error) {
    // Aliases of aliases become as much as they like.
    errors.push(sayOf(messageOf(error)))
    return {}
  }
}

/** The library's recursion ends where the stack does. */
function sayOf(message: string): string {
  return /call stack|Stack overflow/.test(message) ? 'it is nested too deeply' : message
}

interface Strange {
  readonly offset: number
  readonly message: string
}

/** What the library takes, or takes too long for: keys that stand there twice, and aliases without number. */
function strangeNodes(document: Document): Strange[] {
  const found: Strange[] = []
  let aliases = 0
  visit(document, {
    Map: (_, map) => void found.push(...keysTwice(map)),
    Alias: (_, { range }) => {
      if (++aliases <= MAX_ALIASES) return undefined
      found.push({
        offset: range?.[0] ?? 0,
        message: `it has more than ${MAX_ALIASES} aliases (*name)`,
      })
      return visit.BREAK
    },
  })
  return found
}

function keysTwice(map: YAMLMap): Strange[] {
  const seen = new Set<unknown>()
  return map.items.flatMap(({ key }) => {
    const name = isScalar(key) ? key.value : isAlias(key) ? `*${key.source}` : key
    const isNew = !seen.has(name)
    seen.add(name)
    const { range } = key as { range?: [number] }
    return isNew ? [] : [{ offset: range?.[0] ?? 0, message: 'Map keys must be unique' }]
  })
}
