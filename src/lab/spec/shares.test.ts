import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'

import { parseShare } from './shares.ts'

const cwd = realpathSync(mkdtempSync(join(tmpdir(), 'klab-share-')))
afterAll(() => rmSync(cwd, { recursive: true }))
mkdirSync(join(cwd, 'data'))
writeFileSync(join(cwd, 'file'), '')
symlinkSync('data', join(cwd, 'link'))
const data = join(cwd, 'data')

test.each([
  ['data', { mode: 'cow', host: data, guest: data, cached: true }],
  [data, { mode: 'cow', host: data, guest: data, cached: true }],
  ['cow:data', { mode: 'cow', host: data, guest: data, cached: true }],
  ['cow,cached:data', { mode: 'cow', host: data, guest: data, cached: true }],
  ['ro:data', { mode: 'ro', host: data, guest: data, cached: false }],
  ['ro,cached:data', { mode: 'ro', host: data, guest: data, cached: true }],
  ['rw:data:/mnt', { mode: 'rw', host: data, guest: '/mnt', cached: false }],
  ['data:/mnt/a b', { mode: 'cow', host: data, guest: '/mnt/a b', cached: true }],
  // The guest sees it under the name that was said.
  ['ro:link', { mode: 'ro', host: data, guest: join(cwd, 'link'), cached: false }],
  // A directory may be called as a mode.
  ['.', { mode: 'cow', host: cwd, guest: cwd, cached: true }],
])('--share %s', (text, share) => {
  expect(parseShare(text, cwd)).toEqual(share)
})

test.each([
  ['', 'is not [ro|rw|cow[,cached]:]HOST[:GUEST]'],
  ['rw:data:/mnt:more', 'is not [ro|rw|cow[,cached]:]HOST[:GUEST]'],
  ['rw:', 'is not [ro|rw|cow[,cached]:]HOST[:GUEST]'],
  ['nowhere', `${join(cwd, 'nowhere')} is not a directory on this machine`],
  ['file', `${join(cwd, 'file')} is not a directory on this machine`],
  ['data:mnt', 'mnt is no absolute path in the guest below /'],
  ['data:/', '/ is no absolute path in the guest below /'],
  ['data:/mnt/..', '/mnt/.. is no absolute path in the guest below /'],
])('--share %j is refused: %s', (text, why) => {
  expect(() => parseShare(text, cwd)).toThrow(why)
})
