import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

/** `[`FILE`: words of it]`: a test file, in test/ unless it says otherwise, and what of it shows the promise. */
const SHOWN_BY = /\[`([^`]+)`: ([^\]]+)\]/g

const pathOf = (name: string) => `${name.startsWith('src/') ? name : `test/${name}`}.test.ts`

test('each promise of docs/security.md names a test that there is', () => {
  const text = readFileSync('docs/security.md', 'utf8')
  const named = [...text.matchAll(SHOWN_BY)].map(([, name = '', words = '']) => ({ name, words }))
  const missing = named.filter(
    ({ name, words }) =>
      !existsSync(pathOf(name)) || !readFileSync(pathOf(name), 'utf8').includes(words),
  )
  expect(missing).toEqual([])
  // A promise is an item of a list; what is not promised needs no test.
  const promises = text.split(/\n(?=- )/).slice(1)
  const unshown = promises.filter((one) => !/\[`/.test(one) && !one.startsWith('- Not promised'))
  expect(unshown).toEqual([])
})
