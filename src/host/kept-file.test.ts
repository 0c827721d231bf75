import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'

import { cacheFile, writeAtomically } from './kept-file.ts'
import { LAUNCHER } from './launcher.ts'
import { nativeProgram } from './native.ts'
import { run } from './process.ts'

const dir = mkdtempSync(join(tmpdir(), 'klab-kept-'))
afterAll(() => rmSync(dir, { recursive: true }))

test.each([
  [
    'a directory that is not empty',
    (path: string) => mkdirSync(join(path, 'of', 'somebody'), { recursive: true }),
  ],
  ['a link to itself', (path: string) => symlinkSync('file', path)],
])('%s in the place of a file is set aside', async (_what, make) => {
  const place = mkdtempSync(join(dir, 'x'))
  const path = join(place, 'file')
  make(path)
  await writeAtomically(path, 'text')
  expect(readFileSync(path, 'utf8')).toBe('text')
  expect(readdirSync(place)).toEqual(['file', 'file.damaged'])
})

test('a file in the place of a directory is set aside', async () => {
  writeFileSync(join(dir, 'cache'), 'of somebody')
  await writeAtomically(join(dir, 'cache', 'file'), 'text')
  expect(readFileSync(join(dir, 'cache.damaged'), 'utf8')).toBe('of somebody')
})

test('what cannot be written says why; a cache is left out', async () => {
  await expect(writeAtomically('/proc/klab/file', '')).rejects.toThrow(
    /^cannot write \/proc\/klab\/file: ENOENT/,
  )
  await cacheFile('/proc/klab/file', '')
})

test('a program of ours that is damaged is compiled again', async () => {
  const cacheDir = join(dir, 'programs')
  const path = await nativeProgram(LAUNCHER, cacheDir)
  const { size } = statSync(path)
  // Another process, which has not looked at it yet.
  const script = `
    const { nativeProgram } = await import('${import.meta.dirname}/native.ts')
    await nativeProgram(${JSON.stringify(LAUNCHER)}, ${JSON.stringify(cacheDir)})`
  const again = () => run(process.execPath, ['--input-type=module', '-e', script])
  for (const spoil of [
    () => truncateSync(path, 1000),
    () => writeFileSync(path, Buffer.alloc(size, 'x')),
    () => {
      rmSync(path)
      mkdirSync(path)
    },
  ]) {
    spoil()
    expect(await again()).toMatchObject({ stderr: '', exit: { kind: 'exited', code: 0 } })
    expect(statSync(path).size).toBe(size)
    expect((await run(path, ['--what'])).exit).toEqual({ kind: 'exited', code: 70 })
  }
}, 30_000)
