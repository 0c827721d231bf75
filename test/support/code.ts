import { parseSync, Visitor, type Function, type ArrowFunctionExpression } from 'oxc-parser'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

/** The TypeScript files below a directory, by their path in it; tests apart. */
export function sourceFiles(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !file.endsWith('.test.ts'),
  )
}

/** What a file imports, types and what is loaded later included: paths relative to the root for our own files, names for packages. */
export function importsOf(file: string, text: string): { targets: string[]; lazy: string[] } {
  const { module, program } = parseSync(file, text)
  const resolve = (target: string) =>
    target.startsWith('.') ? normalize(join(dirname(file), target)) : target
  const targets = [
    ...module.staticImports.map(({ moduleRequest }) => moduleRequest.value),
    ...module.staticExports.flatMap(({ entries }) =>
      entries.flatMap(({ moduleRequest }) => moduleRequest?.value ?? []),
    ),
  ]
  const lazy: string[] = []
  new Visitor({
    ImportExpression({ source }) {
      if (source.type === 'Literal' && typeof source.value === 'string') lazy.push(source.value)
    },
  }).visit(program)
  return { targets: [...new Set(targets)].map(resolve), lazy: lazy.map(resolve) }
}

/** The code of a file, with blanks for its comments. */
export function withoutComments(file: string, text: string): string {
  let code = text
  for (const { start, end } of parseSync(file, text).comments)
    code = code.slice(0, start) + ' '.repeat(end - start) + code.slice(end)
  return code
}

/** All files of a root with what they import at once. */
export function importGraph(root: string): Map<string, readonly string[]> {
  return new Map(
    sourceFiles(root).map((file) => {
      const { targets } = importsOf(file, readFileSync(join(root, file), 'utf8'))
      return [file, targets]
    }),
  )
}

/** The circles of a graph: each a set of files that reach each other (Tarjan's strongly connected components of more than one). */
export function circles(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const found: string[][] = []
  const index = new Map<string, number>()
  const low = new Map<string, number>()
  const stack: string[] = []
  const visit = (node: string) => {
    const number = index.size
    index.set(node, number)
    low.set(node, number)
    stack.push(node)
    for (const next of graph.get(node) ?? []) {
      if (!graph.has(next)) continue
      if (!index.has(next)) visit(next)
      if (stack.includes(next)) low.set(node, Math.min(low.get(node) ?? 0, low.get(next) ?? 0))
    }
    if (low.get(node) !== number) return
    const circle = stack.splice(stack.indexOf(node))
    if (circle.length > 1) found.push(circle.toSorted())
  }
  for (const node of graph.keys()) if (!index.has(node)) visit(node)
  return found
}

/** A function of a file, as far as the limits of STYLE go. */
export interface FunctionFacts {
  readonly line: number
  readonly lines: number
  readonly parameters: number
  /** The names of parameters that are booleans. */
  readonly booleans: readonly string[]
  /** It is the body of a `describe`: a heading, not a function. */
  readonly isGroup: boolean
}

/** Every function of a file. */
export function functionsOf(file: string, text: string): FunctionFacts[] {
  const { program } = parseSync(file, text)
  const lineAt = (offset: number) => text.slice(0, offset).split('\n').length
  const groups = new Set<number>()
  const found: FunctionFacts[] = []
  const take = (node: Function | ArrowFunctionExpression) => {
    // Without a body it is a type.
    if (!node.body) return
    const [first, last] = [lineAt(node.start), lineAt(node.end)]
    found.push({
      line: first,
      lines: last - first + 1,
      parameters: node.params.length,
      booleans: node.params.flatMap((parameter) => {
        const { typeAnnotation: type, name } = parameter as unknown as Annotated
        return type?.typeAnnotation.type === 'TSBooleanKeyword' ? [name ?? '?'] : []
      }),
      isGroup: groups.has(node.start),
    })
  }
  new Visitor({
    CallExpression({ callee, arguments: args }) {
      const name = text.slice(callee.start, callee.end)
      if (/^describe\b/.test(name)) for (const one of args) groups.add(one.start)
    },
    FunctionDeclaration: take,
    FunctionExpression: take,
    ArrowFunctionExpression: take,
  }).visit(program)
  return found
}

interface Annotated {
  readonly name?: string
  readonly typeAnnotation?: { readonly typeAnnotation: { readonly type: string } }
}
