import { expect, test } from 'vitest'

import { holderIn, lockHolders } from './lock-holder.ts'

const LOCKS = `1: FLOCK  ADVISORY  WRITE 4885 fe:00:9978777 0 EOF
2: POSIX  ADVISORY  READ 3295 fe:00:9979110 128 128
3: FLOCK  ADVISORY  WRITE 9983 fe:00:10389032 0 EOF
3: -> FLOCK  ADVISORY  WRITE 23720 fe:00:10389032 0 EOF
4: FLOCK  ADVISORY  WRITE 11 fe:00:77 0 EOF
5: FLOCK  ADVISORY  WRITE 12 fd:01:77 0 EOF
`

test.each([
  [9978777, 4885],
  // Of two that name it, one waits.
  [10389032, 9983],
  [9979110, undefined],
  // Of two file systems.
  [77, undefined],
  [1, undefined],
])('the lock of inode %i is held by %s', (inode, pid) => {
  expect(holderIn(LOCKS, inode)).toBe(pid)
})

test('nobody holds the lock of a file that is gone', () => {
  expect(lockHolders('/no/such/lock')).toEqual([])
})
