import { LineCounter, parseDocument, type Document } from 'yaml'

export interface ParsedYaml {
  readonly document: Document
  readonly value: unknown
  readonly lineOf: (path: readonly PropertyKey[]) => number | undefined
  readonly syntaxErrors: readonly string[]
}

/** A YAML text with the lines of its values. */
export function parseYaml(text: string): ParsedYaml {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const lineOf = (path: readonly PropertyKey[]): number | undefined => {
    for (let length = path.length; length > 0; length--) {
      const node = document.getIn(path.slice(0, length), true) as { range?: [number] } | undefined
      if (node?.range) return lines.linePos(node.range[0]).line
    }
    return undefined
  }
  const syntaxErrors = document.errors.map(
    ({ message, pos }) => `line ${lines.linePos(pos[0]).line}: ${message}`,
  )
  // An empty file is an empty configuration.
  return { document, value: document.toJS() ?? {}, lineOf, syntaxErrors }
}
