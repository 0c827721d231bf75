import { expect, test } from 'vitest'

import { envAgain, keptEnv } from './kept-env.ts'

test('names are kept, and no values', () => {
  expect(keptEnv(['TOKEN=a=b', 'CI', 'EMPTY='])).toEqual({
    env: ['TOKEN', 'CI', 'EMPTY'],
    unkept: ['TOKEN', 'EMPTY'],
  })
  expect(keptEnv(['CI', 'CI=1', 'X=1', 'X'])).toEqual({ env: ['CI', 'X'], unkept: ['CI'] })
})

const kept = { env: ['TOKEN', 'CI'], unkept: ['TOKEN'] }
const again = (sources: readonly string[], env: NodeJS.ProcessEnv) =>
  envAgain(kept, { run: 'abc', sources, env })

test('a value is given again by the user, or the environment', () => {
  expect(again([], { TOKEN: 'x' })).toEqual(['TOKEN=x', 'CI'])
  expect(again(['TOKEN=y'], { TOKEN: 'x' })).toEqual(['TOKEN=y', 'CI'])
  expect(again(['TOKEN=config', 'TOKEN=y', 'MORE=1'], {})).toEqual(['TOKEN=y', 'CI', 'MORE=1'])
})

test('without it the run would be another', () => {
  expect(() => again(['TOKEN'], { CI: '1' })).toThrow(
    'run abc was given a value for TOKEN, and klab keeps no values: give it again, in the environment or with --env TOKEN=…',
  )
})
