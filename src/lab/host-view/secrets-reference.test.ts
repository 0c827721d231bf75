import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

import { SECRETS } from './secrets.ts'
import { secretsReference, withReference } from './secrets-reference.ts'

test('the list of docs/secrets.md is that of the code', () => {
  const text = readFileSync('docs/secrets.md', 'utf8')
  expect(withReference(text, secretsReference())).toBe(text)
})

test('nothing is on the list twice, or for nothing: above it nothing is hidden already', () => {
  for (const side of ['home', 'machine'] as const) {
    const paths = SECRETS.flatMap((row) => row[side] ?? [])
    const above = paths.filter((path) => paths.some((other) => path.startsWith(`${other}/`)))
    expect(above).toEqual([])
    expect(new Set(paths).size).toBe(paths.length)
  }
})
