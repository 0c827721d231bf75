import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'

import { InfraError } from '../src/base/index.ts'
import { dmesgOf } from '../src/lab/dumps/dump-file.ts'
import { attempt } from './attack/attempt.ts'
import { seedsFrom } from './attack/seeds.ts'
import { smallDump } from './attack/small-dump.ts'
import { targetsFor } from './attack/targets.ts'

const dir = mkdtempSync(join(tmpdir(), 'klab-parsers-'))
afterAll(() => rmSync(dir, { recursive: true }))
const targets = targetsFor(seedsFrom({}), dir)

// npm run attack:parsers goes on for as long as one likes, with files of real kernels too.
test.each(targets.map((target, index) => ({ target, name: target.name, seed: index + 1 })))(
  'a damaged $name is read, or refused in a sentence',
  async ({ target, seed }) => {
    for (let number = 0; number < 12; number++)
      expect(await attempt([target], { seed, number, dir })).not.toHaveProperty('hit')
  },
  30_000,
)

test('the same seed gives the same files', async () => {
  const made = async () => {
    const { number, target, bytes } = await attempt(targets, { seed: 3, number: 7, dir })
    return { number, target, bytes }
  }
  expect(await made()).toEqual(await made())
})

test('the log of a kernel before 5.10 is read from its memory', () => {
  const path = join(dir, 'dump')
  writeFileSync(path, smallDump())
  expect(dmesgOf(path)).toEqual([
    '[    1.000000] Linux version 6.1.0',
    '[    1.000000] Kernel panic - not syncing: x',
  ])
})

test.each([
  ['has nothing where its first record should be', { texts: [], next: 8 }],
  ['goes on at its beginning for ever', { texts: ['one'], next: 8 }],
])('a damaged log of a kernel before 5.10 is refused: one that %s', (_what, said) => {
  const path = join(dir, 'dump')
  writeFileSync(path, smallDump(said))
  expect(() => dmesgOf(path)).toThrow(InfraError)
  expect(() => dmesgOf(path)).toThrow(/its log (?:goes round and round|is damaged)/)
})
