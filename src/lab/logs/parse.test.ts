import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { afterAll, expect, test } from 'vitest'

import { parseLog, readLog } from './parse.ts'

const dir = mkdtempSync(join(tmpdir(), 'klab-logs-'))
afterAll(() => rmSync(dir, { recursive: true }))
const text = readFileSync(join(import.meta.dirname, '../../../test/console/warning'))
const by = (program: string) => (bytes: Buffer) => execFileSync(program, ['-c'], { input: bytes })

const PACKERS: readonly (readonly [string, (bytes: Buffer) => Buffer])[] = [
  ['log.gz', gzipSync],
  ['log.zst', zstdCompressSync],
  ['log.br', brotliCompressSync],
  ['log.xz', by('xz')],
  ['log.bz2', by('bzip2')],
  ['log', (bytes) => bytes],
]

async function bytesOf(path: string, limit?: number): Promise<number> {
  let bytes = 0
  for await (const chunk of readLog(path, limit)) bytes += chunk.length
  return bytes
}

test.each(PACKERS)('%s is read, and one that becomes too much is refused', async (name, pack) => {
  const path = join(dir, name)
  writeFileSync(path, pack(text))
  const titles = []
  for await (const { title } of parseLog(path)) titles.push(title)
  expect(titles).toContain('WARNING in lkdtm_WARNING')
  expect(await bytesOf(path, text.length)).toBe(text.length)
  await expect(bytesOf(path, text.length - 1)).rejects.toThrow(
    /cannot read the log .*: it has more than .*, the most that is read of one/,
  )
  writeFileSync(path, pack(text).subarray(0, 100))
  if (name !== 'log') await expect(bytesOf(path)).rejects.toThrow(/cannot read the log /)
})

test('what is no file is refused by its kind', async () => {
  execFileSync('mkfifo', [join(dir, 'pipe')])
  for (const [path, kind] of [
    [join(dir, 'pipe'), 'a pipe'],
    ['/dev/zero', 'a device'],
    [dir, 'a directory'],
  ] as const)
    await expect(bytesOf(path)).rejects.toThrow(`cannot read the log ${path}: it is ${kind}`)
})

test('a file with holes has no end that is waited for', async () => {
  const path = join(dir, 'holes')
  writeFileSync(path, '')
  truncateSync(path, 2 ** 40)
  await expect(bytesOf(path, 2 ** 20)).rejects.toThrow(/it has more than 1.0 MiB/)
})
