import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { smallTree, write } from '../../../test/support/small-tree.ts'
import { syncShadow } from './shadow.ts'
import { treeAt } from './tree.ts'

test.each([
  ['cut short', (path: string) => truncateSync(path, 60)],
  ['emptied', (path: string) => truncateSync(path, 0)],
  ['noise', (path: string) => writeFileSync(path, '../../victim\u00001 1.5')],
  [
    'a directory',
    (path: string) => {
      rmSync(path)
      mkdirSync(path)
    },
  ],
])(
  'a list of copied sources that is %s leaves nothing of before in the copy, and harms nothing beside it',
  async (_what, spoil) => {
    const place = mkdtempSync(join(tmpdir(), 'klab-shadow-'))
    const path = smallTree(join(place, 'tree'))
    write(join(path, 'Makefile'), 'VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 0\nmrproper:\n')
    write(join(path, 'drivers/gone.c'), '\n')
    write(join(place, 'victim'), 'stays')
    const tree = await treeAt(path)
    const dir = join(place, 'build')
    mkdirSync(dir)
    const copy = await syncShadow(tree, dir)
    expect(readdirSync(join(copy, 'drivers'))).toEqual(['gone.c'])
    rmSync(join(path, 'drivers/gone.c'))
    spoil(join(dir, 'source.list'))
    await syncShadow(tree, dir)
    expect(existsSync(join(copy, 'drivers/gone.c'))).toBe(false)
    expect([existsSync(join(copy, 'init/main.c')), existsSync(join(place, 'victim'))]).toEqual([
      true,
      true,
    ])
    rmSync(place, { recursive: true })
  },
)

test('a tree that cannot be listed empties no copy (R18)', async () => {
  const place = mkdtempSync(join(tmpdir(), 'klab-shadow-'))
  const path = smallTree(join(place, 'tree'))
  write(join(path, 'Makefile'), 'VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 0\nmrproper:\n')
  const tree = await treeAt(path)
  const dir = join(place, 'build')
  mkdirSync(dir)
  const copy = await syncShadow(tree, dir)
  // As a disk that is not mounted.
  renameSync(path, `${path}.away`)
  await expect(syncShadow(tree, dir)).rejects.toThrow(/find/)
  expect(existsSync(join(copy, 'init/main.c'))).toBe(true)
  rmSync(place, { recursive: true })
})
