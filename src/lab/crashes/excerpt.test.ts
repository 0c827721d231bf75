import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'

import { guiltyFile } from '../../crash/index.ts'
import { excerptOf } from './excerpt.ts'

const dir = mkdtempSync(join(tmpdir(), 'klab-excerpt-'))
afterAll(() => rmSync(dir, { recursive: true }))
const kernel = { tree: join(dir, 'tree'), createdAt: '2100-01-01T00:00:00.000Z' }

mkdirSync(join(dir, 'tree/sound/core'), { recursive: true })
writeFileSync(join(dir, 'secret.c'), 'password\n'.repeat(9))
symlinkSync(join(dir, 'secret.c'), join(dir, 'tree/sound/link.c'))
symlinkSync(dir, join(dir, 'tree/sound/out'))
writeFileSync(join(dir, 'tree/sound/core/a.c'), 'one\ntwo\nthree\n')
writeFileSync(join(dir, 'tree/sound/long.c'), 'x'.repeat(100_000))
writeFileSync(join(dir, 'tree/sound/huge.c'), '')
truncateSync(join(dir, 'tree/sound/huge.c'), 2 ** 34)

const frame = (file: string) => ` f+0x1/0x2 ${file}:2`

test('the lines around a place of the tree are shown', () => {
  const text = frame('sound/core/a.c')
  expect(excerptOf(text, guiltyFile(text), kernel)).toMatchObject({
    ...{ file: 'sound/core/a.c', line: 2, isChanged: false },
    lines: [{ text: 'one' }, { text: 'two' }, { text: 'three' }, { text: '' }],
  })
})

test.each([
  'sound/../../secret.c',
  'sound/link.c',
  'sound/out/secret.c',
  'sound/huge.c',
  'sound/core/a.c/../../../../secret.c',
])('a report that a guest has forged shows nothing of this machine: %s', (file) => {
  expect(excerptOf(frame(file), file, kernel)).toBeUndefined()
  const text = `${frame('sound/../../secret.c')}\n${frame('sound/core/a.c')}`
  expect(guiltyFile(text)).toBe('sound/core/a.c')
})

test('of a line that is all of a file the beginning is shown', () => {
  const excerpt = excerptOf(' f+0x1/0x2 sound/long.c:1', 'sound/long.c', kernel)
  expect(excerpt?.lines[0]?.text).toHaveLength(1_000)
})
