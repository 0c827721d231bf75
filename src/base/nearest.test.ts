import { expect, test } from 'vitest'

import { nearest } from './nearest.ts'

test.each([
  ['memry', ['memory', 'machine'], 'memory'],
  ['BTRFZ_FS', ['BTRFS_FS', 'XFS_FS'], 'BTRFS_FS'],
  ['zebra', ['memory', 'cpus'], undefined],
])('%s is meant as %s', (word, candidates, expected) =>
  expect(nearest(word, candidates)).toBe(expected),
)
