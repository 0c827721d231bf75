import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

import { runOk } from '../src/host/index.ts'

let dir: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'klab-setup-'))
  mkdirSync(join(dir, 'into'))
  mkdirSync(join(dir, 'from'))
})

afterEach(() => rmSync(dir, { recursive: true, force: true }))

/** A kernel source as a distribution packs it. */
function pack(name: string, suffix: string): void {
  mkdirSync(join(dir, name))
  writeFileSync(join(dir, name, 'Makefile'), 'VERSION = 6\n')
  const tarball = join(dir, 'from', `${name}${suffix}`)
  execFileSync('tar', ['-C', dir, '--auto-compress', '-cf', tarball, name])
}

/** The directory that set-up finds, with no package manager to help it. */
async function found(): Promise<string> {
  const script = '. scripts/setup.sh; command() { return 1; }; klab_kernel_source "$1" "$2"'
  const args = [join(dir, 'into'), join(dir, 'from')]
  return (await runOk('sh', ['-c', script, 'sh', ...args])).trim()
}

test.each(['.tar', '.tar.gz', '.tar.bz2', '.tar.xz'])(
  'set-up takes a kernel source that is packed as %s',
  async (suffix) => {
    pack('linux-source-6.8', suffix)
    writeFileSync(join(dir, 'from', `linux-source-6.9${suffix}.sign`), 'no tarball')
    expect(await found()).toBe(join(dir, 'into/linux-source-6.8'))
    // The second time it is there.
    expect(await found()).toBe(join(dir, 'into/linux-source-6.8'))
  },
)

test('set-up takes the newest of several, by version and not by letters', async () => {
  pack('linux-source-6.9', '.tar')
  pack('linux-source-6.10', '.tar.gz')
  expect(await found()).toBe(join(dir, 'into/linux-source-6.10'))
})

test('set-up says what to do where there is no kernel source', async () => {
  await expect(found()).rejects.toThrow(/no kernel source here; unpack one/)
})
