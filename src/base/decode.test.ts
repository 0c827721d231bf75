import { expect, test } from 'vitest'

import { decodeJson, isRecord, isStringList, tryDecodeJson } from './decode.ts'

const words = { what: 'the list /x.json', check: isStringList }

test('what is as it must be is taken', () => {
  expect(decodeJson('["a", "b"]', words)).toEqual(['a', 'b'])
  expect(tryDecodeJson('{"a": 1}', isRecord)).toEqual({ a: 1 })
})

test.each([
  ['["a"', /^the list \/x\.json is damaged: .*JSON/],
  ['', /^the list \/x\.json is damaged: .*JSON/],
  ['[1]', /^the list \/x\.json is damaged: it holds something else than it should$/],
  ['null', /^the list \/x\.json is damaged: it holds something else than it should$/],
])('%j is refused in one sentence', (text, sentence) => {
  expect(() => decodeJson(text, words)).toThrow(sentence)
  expect(tryDecodeJson(text, isStringList)).toBeUndefined()
})
