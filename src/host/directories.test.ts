import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  lchownSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { ensurePrivateDirectory } from './directories.ts'
import { writeAtomically } from './kept-file.ts'

/** Of another user: no account needs to have it. */
const OTHER = 54_321

let dir = ''
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'klab-directories-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

const modeOf = (path: string) => statSync(path).mode & 0o777
const ensure = (path: string) => ensurePrivateDirectory(path, 'state')

test('is made for its owner alone, and what is above it too', () => {
  ensure(join(dir, 'a/b'))
  expect([modeOf(join(dir, 'a')), modeOf(join(dir, 'a/b'))]).toEqual([0o700, 0o700])
})

test('one that others can read is closed', () => {
  const path = join(dir, 'open')
  mkdirSync(path)
  chmodSync(path, 0o755)
  ensure(path)
  expect(modeOf(path)).toBe(0o700)
})

test('one that others can write is not used: they may have been there', () => {
  const path = join(dir, 'open')
  mkdirSync(path)
  chmodSync(path, 0o777)
  expect(() => ensure(path)).toThrow(`chmod 700 ${path}`)
  expect(modeOf(path)).toBe(0o777)
})

test('a link of our own is followed', () => {
  symlinkSync(join(dir, 'there'), join(dir, 'link'))
  mkdirSync(join(dir, 'there'))
  ensure(join(dir, 'link/state'))
  expect(modeOf(join(dir, 'there/state'))).toBe(0o700)
})

test('one in which anybody can rename is no place for it', () => {
  const open = join(dir, 'open')
  mkdirSync(open)
  chmodSync(open, 0o777)
  expect(() => ensure(join(open, 'mine'))).toThrow(`anybody can rename what is in ${open}`)
  // As /tmp is.
  chmodSync(open, 0o1777)
  ensure(join(open, 'mine'))
})

test('links that go in a circle end', () => {
  symlinkSync(join(dir, 'b'), join(dir, 'a'))
  symlinkSync(join(dir, 'a'), join(dir, 'b'))
  expect(() => ensure(join(dir, 'a/x'))).toThrow('leads to itself')
})

// Giving files away takes root, and he of all must not believe others' (S3).
describe.skipIf(process.getuid?.() !== 0)('of another user', () => {
  test('it is not used', () => {
    const path = join(dir, 'klab-0')
    mkdirSync(path, { mode: 0o700 })
    chownSync(path, OTHER, OTHER)
    expect(() => ensure(path)).toThrow(`it belongs to uid ${OTHER}`)
  })

  test('neither is one below it', () => {
    mkdirSync(join(dir, 'theirs/state'), { recursive: true, mode: 0o700 })
    chownSync(join(dir, 'theirs'), OTHER, OTHER)
    expect(() => ensure(join(dir, 'theirs/state'))).toThrow(
      `${join(dir, 'theirs')} belongs to uid ${OTHER}`,
    )
  })

  test('their link is not followed, wherever it leads', () => {
    mkdirSync(join(dir, 'mine'), { mode: 0o700 })
    symlinkSync(join(dir, 'mine'), join(dir, 'klab-0'))
    lchownSync(join(dir, 'klab-0'), OTHER, OTHER)
    expect(() => ensure(join(dir, 'klab-0'))).toThrow(
      `${join(dir, 'klab-0')} is a link that belongs to uid ${OTHER}`,
    )
  })
})

test('files are written for their owner alone', async () => {
  writeFileSync(join(dir, 'file'), 'old')
  chmodSync(join(dir, 'file'), 0o644)
  await writeAtomically(join(dir, 'file'), 'new')
  expect(modeOf(join(dir, 'file'))).toBe(0o600)
  await writeAtomically(join(dir, 'file'), 'theirs as well', 0o644)
  expect(modeOf(join(dir, 'file'))).toBe(0o644)
})
