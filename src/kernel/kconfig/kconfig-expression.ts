import type { KconfigValue } from './kconfig.ts'

type Expression =
  | { readonly kind: 'symbol'; readonly name: string }
  | { readonly kind: 'literal'; readonly value: string }
  | {
      readonly kind: 'compare'
      readonly left: Expression
      readonly operator: string
      readonly right: Expression
    }
  | { readonly kind: 'not'; readonly of: Expression }
  | { readonly kind: 'and' | 'or'; readonly left: Expression; readonly right: Expression }

type Values = ReadonlyMap<string, KconfigValue>

const LEVELS: Record<string, number> = { n: 0, m: 1, y: 2 }

/**
 * The parts of a dependency that do not hold, with their values: `HAVE_X (=n)`. Empty when it holds. Of an `||` with
 * no true side all sides are named.
 */
export function unmetParts(condition: string, values: Values): string[] {
  return unmet(parse(condition), values)
}

function unmet(expression: Expression, values: Values): string[] {
  if (evaluate(expression, values) > 0) return []
  switch (expression.kind) {
    case 'and':
      return [...unmet(expression.left, values), ...unmet(expression.right, values)]
    case 'or': {
      const sides = [unmet(expression.left, values), unmet(expression.right, values)]
      return [sides.map((parts) => parts.join(' and ')).join(' or ')]
    }
    case 'symbol':
      return [`${expression.name} (=${values.get(expression.name) ?? 'n'})`]
    case 'not':
      return [
        `!${format(expression.of)} (${format(expression.of)}=${levelName(evaluate(expression.of, values))})`,
      ]
    case 'compare':
    case 'literal':
      return [format(expression)]
  }
}

/** 0, 1, 2 for n, m, y. */
function evaluate(expression: Expression, values: Values): number {
  switch (expression.kind) {
    case 'literal':
      return LEVELS[expression.value] ?? 0
    case 'symbol':
      return LEVELS[values.get(expression.name) ?? 'n'] ?? 0
    case 'not':
      return 2 - evaluate(expression.of, values)
    case 'and':
      return Math.min(evaluate(expression.left, values), evaluate(expression.right, values))
    case 'or':
      return Math.max(evaluate(expression.left, values), evaluate(expression.right, values))
    case 'compare':
      return compare(
        expression.operator,
        text(expression.left, values),
        text(expression.right, values),
      )
        ? 2
        : 0
  }
}

function compare(operator: string, left: string, right: string): boolean {
  const [a, b] = [Number(left), Number(right)]
  const order = Number.isNaN(a) || Number.isNaN(b) ? left.localeCompare(right) : a - b
  switch (operator) {
    case '=':
      return left === right
    case '!=':
      return left !== right
    case '<':
      return order < 0
    case '<=':
      return order <= 0
    case '>':
      return order > 0
    default:
      return order >= 0
  }
}

function text(expression: Expression, values: Values): string {
  if (expression.kind === 'symbol') return (values.get(expression.name) ?? 'n').replaceAll('"', '')
  return expression.kind === 'literal' ? expression.value : ''
}

function levelName(level: number): string {
  return ['n', 'm', 'y'][level] ?? 'n'
}

function format(expression: Expression): string {
  switch (expression.kind) {
    case 'symbol':
      return expression.name
    case 'literal':
      return expression.value
    case 'not':
      return `!${format(expression.of)}`
    case 'compare':
      return `${format(expression.left)}${expression.operator}${format(expression.right)}`
    case 'and':
    case 'or':
      return `(${format(expression.left)} ${expression.kind === 'and' ? '&&' : '||'} ${format(expression.right)})`
  }
}

/** Recursive descent: or < and < not < comparison. Macros such as $(cc-option,…) count as true: make has run them. */
function parse(condition: string): Expression {
  const tokens =
    condition.match(/\$\((?:[^()]|\([^()]*\))*\)|&&|\|\||!=|<=|>=|[=<>!()]|"[^"]*"|[\w.-]+/g) ?? []
  let at = 0
  const or = (): Expression => binary('or', '||', and)
  const and = (): Expression => binary('and', '&&', not)
  function binary(kind: 'and' | 'or', sign: string, next: () => Expression): Expression {
    let left = next()
    while (tokens[at] === sign) {
      at++
      left = { kind, left, right: next() }
    }
    return left
  }
  function not(): Expression {
    if (tokens[at] !== '!') return comparison()
    at++
    return { kind: 'not', of: not() }
  }
  function comparison(): Expression {
    const left = primary()
    const operator = tokens[at] ?? ''
    if (!/^(?:=|!=|<|<=|>|>=)$/.test(operator)) return left
    at++
    return { kind: 'compare', left, operator, right: primary() }
  }
  function primary(): Expression {
    const token = tokens[at++] ?? 'y'
    if (token === '(') {
      const inner = or()
      at++
      return inner
    }
    if (token.startsWith('$(')) return { kind: 'literal', value: 'y' }
    if (/^[ymn]$/.test(token) || token.startsWith('"') || /^(?:\d+|0x[0-9a-fA-F]+)$/.test(token)) {
      return { kind: 'literal', value: token.replaceAll('"', '') }
    }
    return { kind: 'symbol', name: token }
  }
  return or()
}
