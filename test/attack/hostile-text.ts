import { parseSync, Visitor } from 'oxc-parser'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { sourceFiles } from '../support/code.ts'
import { below, oneOf, type Random } from '../support/random.ts'

/** What an escape or a dot of a pattern stands for. */
const STANDS_FOR: Readonly<Record<string, string>> = { w: 'a', d: '0', s: ' ', S: 'a', n: '\n' }

/** The patterns that klab reads with, of some modules. */
export function ownPatterns(modules: readonly string[]): string[] {
  const patterns = sourceFiles('src')
    .filter((file) => modules.some((module) => file.startsWith(module)))
    .flatMap((file) => {
      const found: string[] = []
      new Visitor({
        Literal(node) {
          if ('regex' in node && node.regex) found.push(node.regex.pattern)
        },
      }).visit(parseSync(file, readFileSync(join('src', file), 'utf8')).program)
      return found
    })
  return [...new Set(patterns)]
}

/** What a pattern matches, more or less: of alternatives one, of what may be repeated one or none. */
function sampleOf(pattern: string, random: Random): string {
  const plain = pattern
    .replaceAll(/\(\?(?:[:=!]|<[=!]|<\w+>)/g, '(')
    .replaceAll(/\[((?:\\.|[^\]\\])*)\]/g, (_, inside: string) => memberOf(inside))
    .replaceAll(/\(([^()]*)\)/g, (_, inside: string) => oneOf(inside.split('|'), random))
    .replaceAll(/\(([^()]*)\)/g, (_, inside: string) => oneOf(inside.split('|'), random))
  return oneOf(plain.split('|'), random)
    .replaceAll(/\\(\w)/g, (_, letter: string) => STANDS_FOR[letter] ?? '')
    .replaceAll(/(?<!\\)(?:\{[\d,]+\}|[*+?^$()])/g, '')
    .replaceAll(/(?<!\\)\./g, 'x')
    .replaceAll('\\', '')
}

function memberOf(inside: string): string {
  if (inside.startsWith('^')) return 'x'
  const [first = '', second = ''] = inside
  return first === '\\' ? first + second : first
}

/** A text that begins as a pattern wants, goes on so for ever, and does not end so. */
export function hostileText(patterns: readonly string[], size: number, random: Random): string {
  const sample = sampleOf(oneOf(patterns, random), random)
  const other = random() < 0.3 ? sampleOf(oneOf(patterns, random), random) : ''
  const from = below(sample.length, random)
  const pump = sample.slice(from, from + 1 + below(sample.length, random)) + other
  const separator = oneOf(['', '', ' ', '\n', '\n[    1.000000][   T1] '], random)
  // What is not within a report is looked at line by line alone.
  const opening = `${sampleOf(oneOf(patterns, random), random)}\n`
  const head = oneOf(['', opening, 'BUG: \n', 'WARNING: \n', sample.slice(0, from)], random)
  const line = `${head}${(pump + separator).repeat(1 + below(2_000 / (pump.length + 1), random))}`
  const lines = `${line}${oneOf(['\n', '\n', ''], random)}`
  const end = oneOf(['', '\u0000', '!', sample], random)
  return `${head}${lines.repeat(Math.ceil(size / Math.max(1, lines.length))).slice(0, size)}${end}`
}
