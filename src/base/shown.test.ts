import { assert, property, string } from 'fast-check'
import { describe, expect, test } from 'vitest'

import { run } from '../host/index.ts'
import { DANGEROUS, FORGED, HOSTILE } from '../../test/support/hostile-text.ts'
import { block, field, joined, json, shellWord, shown } from './index.ts'

const text = string({ unit: 'binary', maxLength: 200 })
const ways: readonly (readonly [string, (value: string) => string])[] = [
  ['shown', (value) => String(shown`<${value}>`)],
  ['field', (value) => String(field(value))],
  ['block', (value) => String(block(value))],
  ['joined', (value) => String(joined([value, value], ', '))],
  ['json', (value) => String(json({ [value]: value }, 2))],
  ['shellWord', shellWord],
]

/** In pieces, which are shorter than what is cut. */
const EVERY_CHARACTER = Array.from({ length: 0x110000 / 0x400 }, (_one, piece) =>
  String.fromCodePoint(...Array.from({ length: 0x400 }, (_two, at) => piece * 0x400 + at)),
)

describe.each(ways)('%s', (_, show) => {
  test('gives nothing that is no plain text, whatever it gets', () => {
    expect(show(HOSTILE)).not.toMatch(DANGEROUS)
    assert(property(text, (value) => !DANGEROUS.test(show(value))))
  })
})

test('no character of Unicode passes that is none to be seen', () => {
  const passed = EVERY_CHARACTER.filter((some) => DANGEROUS.test(String(field(some))))
  expect(passed).toEqual([])
})

test.each([
  ['\u001b[2J', String.raw`\x1b[2J`],
  ['a\nb\r\tc\0', String.raw`a\nb\r\tc\x00`],
  ['\u009b1m', String.raw`\x9b1m`],
  ['\u202eevil\u2066\u200b\u2028\ufeff', String.raw`\u202eevil\u2066\u200b\u2028\ufeff`],
  ['\u{e0041}\ud800', String.raw`\u{e0041}\ud800`],
  ['Zoë 日本 ≠', 'Zoë 日本 ≠'],
  // Marks over marks would reach into the lines above.
  [`e${'\u0301'.repeat(6)}`, `e${'\u0301'.repeat(4)}${String.raw`\u0301\u0301`}`],
])('%j is shown as %s', (value, expected) => {
  expect(String(field(value))).toBe(expected)
  expect(String(shown`klab:\n${value}`)).toBe(`klab:\n${expected}`)
})

test('what is shown already is not shown twice, and cannot be made of anything else', () => {
  expect(String(shown`${shown`a\nb`} ${field('c\nd')}`)).toBe('a\nb c\\nd')
  expect(String(field({ toString: () => '\u001b' } as never))).toBe(String.raw`\x1b`)
})

test('a block keeps its lines and tabs, and ends of lines are those of Unix', () => {
  expect(String(block('a\r\n\tb\rc\r\r\n'))).toBe('a\n\tb\\rc\n')
  expect(
    String(block(HOSTILE))
      .split('\n')
      .filter((line) => line.startsWith(FORGED)),
  ).toEqual([FORGED])
})

test('long words are cut, and it is said by how much', () => {
  expect(String(field('x'.repeat(1_000_000)))).toBe(`${'x'.repeat(4096)}… (995904 characters more)`)
  expect(String(block('\u001b'.repeat(5_000_000))).length).toBeLessThan(5_000_000)
})

test('JSON keeps its meaning', () => {
  assert(
    property(text, (value) => {
      expect(JSON.parse(String(json([value])))).toEqual([
        value.toWellFormed() === value ? value : expect.any(String),
      ])
    }),
  )
  expect(String(json(undefined))).toBe('null')
})

test('a word for a shell is the same for it', async () => {
  const words = [
    HOSTILE.replaceAll('\0', ''),
    "it's",
    '$(id) `id`',
    '\\',
    '',
    "\u001b'1",
    'é\u0301',
  ]
  const { stdout } = await run('bash', ['-c', `printf '%s\\0' ${words.map(shellWord).join(' ')}`])
  expect(stdout.split('\0').slice(0, -1)).toEqual(words)
})
