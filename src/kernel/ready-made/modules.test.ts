import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, expect, test } from 'vitest'

import { runOk } from '../../host/index.ts'
import { ModuleDirectory } from './modules.ts'

const dir = mkdtempSync(join(tmpdir(), 'klab-modules-'))
afterAll(() => rmSync(dir, { recursive: true }))

/** An object file that says what a module says of itself. */
async function makeModule(name: string, info: string): Promise<void> {
  const source = join(dir, `${name}.c`)
  const attributes = '__attribute__((section(".modinfo"), used))'
  writeFileSync(source, `static const char info[] ${attributes} = "${info}";`)
  await runOk('gcc', ['-c', '-o', join(dir, `${name}.ko`), source])
}

const closure = async (name: string) =>
  (await (await ModuleDirectory.open(dir)).closure([name])).map(({ path }) => path)

test('modules come after what they depend on; what they would like is taken where it is', async () => {
  await makeModule('low', 'license=GPL')
  await makeModule('soft', 'license=GPL')
  await makeModule('high', 'depends=low\\0softdep=pre: soft not-there')
  expect(await closure('high')).toEqual(['soft.ko', 'low.ko', 'high.ko'])
})

test('modules that depend on each other in a circle are loaded once each', async () => {
  await makeModule('egg', 'depends=hen')
  await makeModule('hen', 'depends=egg')
  expect(await closure('egg')).toEqual(['hen.ko', 'egg.ko'])
})

test('what is no module is refused in a sentence', async () => {
  writeFileSync(join(dir, 'text.ko'), 'text\n'.repeat(100))
  await expect(closure('text')).rejects.toThrow(
    /text.ko is not a kernel module: it is not a 64-bit/,
  )
  await runOk('mkfifo', [join(dir, 'pipe.ko')])
  await expect(closure('pipe')).rejects.toThrow(
    /cannot read the kernel module .*pipe.ko: it is a pipe/,
  )
  writeFileSync(join(dir, 'broken.ko.gz'), gzipSync(Buffer.alloc(100)).subarray(0, 20))
  await expect(closure('broken')).rejects.toThrow(
    /cannot read the kernel module .*broken.ko.gz: unexpected end/,
  )
})

test('a module that unpacks to more than any module has is refused', async () => {
  const zeroes = join(dir, 'zeroes')
  writeFileSync(zeroes, Buffer.alloc(4_000_000))
  writeFileSync(join(dir, 'bomb.ko.gz'), gzipSync(Buffer.alloc(4_000_000)))
  await runOk('sh', ['-c', 'xz -0c "$1" > "$2"', 'sh', zeroes, join(dir, 'xzbomb.ko.xz')])
  const modules = await ModuleDirectory.open(dir, 1_000_000)
  await expect(modules.closure(['bomb'])).rejects.toThrow(
    /bomb.ko.gz: it becomes larger than a module is/,
  )
  await expect(modules.closure(['xzbomb'])).rejects.toThrow(/becomes larger than a module is/)
})
