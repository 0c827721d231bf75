import { execFileSync } from 'node:child_process'
import { chownSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'

import { noteIn, readOwn, readRecorded } from './own-file.ts'

const dir = mkdtempSync(join(tmpdir(), 'klab-own-'))
afterAll(() => rmSync(dir, { recursive: true }))
const at = (name: string, text = '') => {
  writeFileSync(join(dir, name), text)
  return join(dir, name)
}

test('what klab has written is read', () => {
  expect(noteIn(at('note', '{}'))).toBe('{}')
  expect(readOwn(at('bytes', 'abc'), 3).toString()).toBe('abc')
  expect(readRecorded(at('console.log', 'said')).toString()).toBe('said')
})

test('what is no file, has no end, or is too large, is not', () => {
  const pipe = join(dir, 'pipe')
  execFileSync('mkfifo', [pipe])
  symlinkSync('/dev/zero', join(dir, 'zero'))
  expect([noteIn(pipe), noteIn(join(dir, 'zero')), noteIn(join(dir, 'absent'))]).toEqual([
    '',
    '',
    '',
  ])
  expect(() => readOwn(at('long', 'abcd'), 3)).toThrow('it has more than 3 B')
  expect(() => readRecorded(pipe)).toThrow(`cannot read ${pipe}: it is a pipe, and no regular file`)
})

test.runIf(process.geteuid?.() === 0)('what belongs to somebody else is not', () => {
  const path = at('theirs', 'theirs')
  chownSync(path, 1, 1)
  expect(noteIn(path)).toBe('')
  expect(() => readOwn(path, 100)).toThrow(/^it belongs to /)
})
