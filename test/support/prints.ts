import { parseSync, Visitor, type Expression } from 'oxc-parser'

const PRINTING: Readonly<Record<string, RegExp>> = {
  console:
    /^(?:log|error|warn|info|debug|table|dir|dirxml|trace|group|groupCollapsed|assert|count|time\w*|Console)$/,
  process: /^(?:stdout|stderr|emitWarning|_rawDebug)$/,
}

const MODULES = /^(?:node:)?(?:process|console)$/

/** Whether code reaches for one of our two streams, by whatever name. */
export function prints(file: string, text: string): boolean {
  const { program } = parseSync(file, text)
  const found = { prints: false }
  const note = (hit: unknown) => {
    if (hit) found.prints = true
  }
  new Visitor({
    MemberExpression({ object, property, computed }) {
      if (object.type !== 'Identifier') return
      const what = PRINTING[object.name]
      if (!what) return
      const name = property.type === 'Identifier' && !computed ? property.name : wordOf(property)
      // Of what is computed nobody knows what it is.
      note(name === undefined ? object.name === 'process' : what.test(name))
    },
    VariableDeclarator({ id, init }) {
      note(id.type === 'ObjectPattern' && init?.type === 'Identifier' && init.name in PRINTING)
    },
    ImportDeclaration({ source }) {
      note(MODULES.test(source.value))
    },
    ImportExpression({ source }) {
      note(MODULES.test(wordOf(source) ?? ''))
    },
    Literal({ value }) {
      note(typeof value === 'string' && /^\/dev\/(?:std(?:out|err)|tty|fd\/)/.test(value))
    },
    CallExpression({ callee, arguments: args, end }) {
      const [first] = args
      const name = text.slice(callee.start, callee.end)
      note(/\bwriteSync$/.test(name) && first?.type === 'Literal' && isOurs(first.value))
      note(/\bdebuglog$/.test(name))
      note(/\bcreateWriteStream$/.test(name) && /\bfd:\s*[12]\b/.test(text.slice(callee.end, end)))
    },
  }).visit(program)
  return found.prints
}

function wordOf(expression: Expression | { type: string }): string | undefined {
  return 'value' in expression && typeof expression.value === 'string'
    ? expression.value
    : undefined
}

function isOurs(descriptor: unknown): boolean {
  return descriptor === 1 || descriptor === 2
}
