import { expect, test } from 'vitest'

import { DANGEROUS, HOSTILE } from '../../../test/support/hostile-text.ts'
import { field, shown } from '../../base/index.ts'
import { cutTo, widthOf } from './columns.ts'
import { table } from './table.ts'

const lines = (...rows: string[][]) => String(table(['name', 'state'], rows)).split('\n')

test('columns line up whatever script their words are of', () => {
  expect(lines(['box', 'a'], ['日本語', 'b'], ['e\u0301e\u0301', 'c'], ['🦀', 'd'])).toEqual([
    'name    state',
    'box     a',
    '日本語  b',
    'e\u0301e\u0301      c',
    '🦀      d',
  ])
})

test('a cell is one line of plain text, and pushes nothing off the screen', () => {
  const all = lines([HOSTILE, HOSTILE], ['x'.repeat(1_000_000), 'y'.repeat(1_000_000)])
  expect(all).toHaveLength(3)
  expect(all.join('\n')).not.toMatch(DANGEROUS)
  expect(all.map((line) => line.length).every((length) => length < 1_200)).toBe(true)
})

test.each([
  ['hello', 5, 'hello'],
  ['hello', 4, 'hel…'],
  ['日本語', 6, '日本語'],
  ['日本語', 5, '日本…'],
  ['日本語', 4, '日…'],
  ['e\u0301e\u0301e\u0301', 2, 'e\u0301…'],
  ['', 1, ''],
])('%j in %d columns is %j', (text, columns, expected) => {
  const cut = cutTo(field(text), columns)
  expect(cut).toBe(expected)
  expect(widthOf(shown`${cut}`)).toBeLessThanOrEqual(columns)
})
