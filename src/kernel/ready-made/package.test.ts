import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { runOk } from '../../host/index.ts'
import { unpackPackage } from './package.ts'

const dir = mkdtempSync(join(tmpdir(), 'klab-package-'))
afterAll(() => rmSync(dir, { recursive: true }))
const cache = join(dir, 'cache')
const deb = join(dir, 'linux-image.deb')

beforeAll(async () => {
  const root = join(dir, 'root')
  for (const [file, text] of [
    [
      'DEBIAN/control',
      'Package: linux-image\nVersion: 1\nArchitecture: all\nMaintainer: nobody <n@example.com>\nDescription: none\n',
    ],
    ['boot/vmlinuz-6.1', 'k'.repeat(100_000)],
    ['boot/config-6.1', 'CONFIG_X=y\n'],
    ['boot/set-user-id', ''],
  ] as const) {
    mkdirSync(dirname(join(root, file)), { recursive: true })
    writeFileSync(join(root, file), text)
  }
  chmodSync(join(root, 'boot/set-user-id'), 0o4755)
  await runOk('mkfifo', [join(root, 'boot/pipe')])
  await runOk('dpkg-deb', ['--build', root, deb])
})

const left = () => (existsSync(join(cache, 'packages')) ? readdirSync(join(cache, 'packages')) : [])

test.each([
  ['bytes', { bytes: 50_000, files: 100 }, /it unpacks to more than 48.8 KiB/],
  ['files', { bytes: 1_000_000, files: 3 }, /it has more than 3 files/],
])(
  'a package of more %s than may be is refused, and leaves nothing',
  async (_what, limits, why) => {
    await expect(unpackPackage(deb, cache, limits)).rejects.toThrow(why)
    expect(left()).toEqual([])
  },
)

test('what is no package is refused in the words of dpkg-deb', async () => {
  const path = join(dir, 'text.deb')
  writeFileSync(path, 'text\n'.repeat(1000))
  await expect(unpackPackage(path, cache)).rejects.toThrow(
    /cannot unpack .*text.deb: dpkg-deb: exit status 2: .*not a Debian format archive/,
  )
  expect(left()).toEqual([])
})

test('a package is unpacked once, without what no kernel has', async () => {
  const at = await unpackPackage(deb, cache)
  expect(readdirSync(join(at, 'boot'))).toEqual(['config-6.1', 'set-user-id', 'vmlinuz-6.1'])
  expect(statSync(join(at, 'boot/vmlinuz-6.1')).size).toBe(100_000)
  expect(statSync(join(at, 'boot/set-user-id')).mode & 0o7000).toBe(0)
  expect(await unpackPackage(deb, cache)).toBe(at)
})
