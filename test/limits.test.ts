import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { functionsOf } from './support/code.ts'

const MAX_FUNCTION = 60
const MAX_PARAMETERS = 3

test('functions are short, with few parameters, and none of them a boolean', () => {
  const all = ['src', 'test', 'bench'].flatMap((root) =>
    readdirSync(root, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => join(root, file)),
  )
  expect(all.flatMap((file) => tooMuch(file, readFileSync(file, 'utf8')))).toEqual([])
})

test('a function that is too much is found', () => {
  const long = `function f() {\n${'  g()\n'.repeat(59)}}`
  expect(tooMuch('a.ts', long)).toEqual(['a.ts:1: a function of 61 lines'])
  expect(tooMuch('a.ts', long.replace('  g()\n', ''))).toEqual([])
  expect(tooMuch('a.ts', 'const f = (a: A, b: B, c: C, d: D) => a')).toEqual([
    'a.ts:1: 4 parameters',
  ])
  expect(tooMuch('a.ts', 'class A {\n  m(isOn: boolean) {}\n}')).toEqual([
    'a.ts:2: isOn is a boolean; give it a name at the call',
  ])
  expect(tooMuch('a.ts', `describe('x', () => {\n${'\n'.repeat(70)}})`)).toEqual([])
})

function tooMuch(file: string, text: string): string[] {
  return functionsOf(file, text).flatMap(({ line, lines, parameters, booleans, isGroup }) => [
    ...(lines > MAX_FUNCTION && !isGroup ? [`${file}:${line}: a function of ${lines} lines`] : []),
    ...(parameters > MAX_PARAMETERS ? [`${file}:${line}: ${parameters} parameters`] : []),
    ...booleans.map((name) => `${file}:${line}: ${name} is a boolean; give it a name at the call`),
  ])
}
