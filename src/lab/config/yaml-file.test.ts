import { expect, test } from 'vitest'

import { parseYaml } from './yaml-file.ts'

/** Each takes minutes, gigabytes or the stack of a reader that does not expect it. */
const HOSTILE = {
  'aliases of aliases': `a0: &a0 [x]\n${many(30, (n) => `a${n + 1}: &a${n + 1} [${`*a${n},`.repeat(9)}]`)}`,
  'as many aliases as there is room for': many(4_500, (n) => `&a${n} a${n}: *a${n}`),
  'a flow in a flow': `run: ${'['.repeat(100_000)}`,
  'a map in a map': `run: ${'{a: '.repeat(25_000)}`,
  'a list in a list': `${'- '.repeat(25_000)}x`,
  'nothing but tags': '!!x '.repeat(30_000),
  'a key twice': 'a: 1\nb: 2\na: 3\n',
} as const

test.each(Object.entries(HOSTILE))('%s is an error with its line', (_name, text) => {
  const { syntaxErrors, value } = parseYaml(text)
  expect(syntaxErrors[0]).toMatch(/^line \d+: /)
  expect(syntaxErrors.join('\n')).not.toMatch(/call stack|RangeError/)
  expect(value).toEqual({})
})

test('as many keys as there is room for are read', () => {
  const { value, syntaxErrors } = parseYaml(many(12_000, (n) => `k${n}: ${n}`))
  expect(syntaxErrors).toEqual([])
  expect(Object.keys(value as object)).toHaveLength(12_000)
})

test('an alias is what it stands for', () => {
  expect(parseYaml('a: &it [1, 2]\nb: *it\n').value).toEqual({ a: [1, 2], b: [1, 2] })
})

function many(count: number, line: (number: number) => string): string {
  return Array.from({ length: count }, (_, number) => line(number)).join('\n')
}
