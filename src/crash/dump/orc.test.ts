import { expect, test } from 'vitest'

import { hasNewTypes } from './orc.ts'

/** Entries of an ORC table: by what the stack pointer is found (0 for nothing), and the type. */
function table(...entries: (readonly [spReg: number, type: number])[]): Buffer {
  const bytes = Buffer.alloc(entries.length * 6)
  for (const [index, [spReg, type]] of entries.entries())
    bytes.writeUInt16LE(spReg | (type << 8), index * 6 + 4)
  return bytes
}

test.each([
  [
    'until 6.3: the end of a stack, an interrupt, calls',
    table([0, 0], [5, 1], [5, 0], [5, 0]),
    false,
  ],
  [
    'since 6.4: undefined, the end, an interrupt, calls',
    table([0, 0], [0, 1], [5, 3], [5, 2]),
    true,
  ],
  ['since 6.4: part of the registers, which is 4', table([0, 0], [5, 4], [5, 2]), true],
])('the types of a table are told from itself, %s', (_, entries, isNew) => {
  expect(hasNewTypes(entries)).toBe(isNew)
})
