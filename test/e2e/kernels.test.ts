import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'

import { runOk } from '../../src/host/index.ts'
import { TEST_HOME } from '../support/home.ts'
import { packageOf, testTree } from '../support/kernels.ts'
import { klab } from '../support/klab.ts'

const dir = mkdtempSync(join(tmpdir(), 'klab-kernels-'))
afterAll(() => rmSync(dir, { recursive: true }))

async function unpack(name: string): Promise<string> {
  const target = join(dir, name)
  await runOk('dpkg-deb', ['--extract', packageOf(name) ?? '', target])
  return target
}

async function imageIn(root: string): Promise<string> {
  return (await runOk('sh', ['-c', 'echo "$1"/boot/vmlinuz-*', 'sh', root])).trim()
}

describe.each(['linux-image-amd64', 'linux-image-cloud-amd64'])('the kernel of %s', (name) => {
  test('runs from its package, its directory and its image', async () => {
    const root = await unpack(name)
    const image = await imageIn(root)
    const release = image.replace(/.*vmlinuz-/, '')
    for (const kernel of [packageOf(name) ?? '', root, image]) {
      const result = await klab(['run', '-q', '--kernel', kernel, '--', 'uname', '-r'])
      expect(result).toMatchObject({ code: 0, stdout: `${release}\n`, stderr: '' })
    }
  })

  test('has stdin, exit codes and a copy of the root', async () => {
    const script = 'cat; touch /usr/klab-was-here && ls /usr/klab-was-here; exit 9'
    const result = await klab(
      ['run', '-q', '--user', 'root', '--kernel', packageOf(name) ?? '', '--', 'sh', '-c', script],
      { input: 'data\n' },
    )
    expect(result).toMatchObject({ code: 9, stdout: 'data\n/usr/klab-was-here\n' })
  })
})

describe('an image that cannot be booted is refused before it is', () => {
  test.each<[string, (path: string) => void, RegExp]>([
    ['missing', () => undefined, /there is no kernel .*missing/],
    [
      'text',
      (path) => writeFileSync(path, 'not a kernel\n'.repeat(200)),
      /is not a Linux kernel image \(it is text\)/,
    ],
    ['empty', (path) => writeFileSync(path, ''), /is truncated or empty: 0 bytes/],
    [
      'arm64',
      (path) => writeFileSync(path, arm64Image()),
      /is a kernel for arm64, and this machine is x86_64/,
    ],
  ])('%s', async (name, make, reason) => {
    const path = join(dir, `image-${name}`)
    make(path)
    const result = await klab(['run', '--kernel', path, '--', 'true'])
    expect(result.code).toBe(125)
    expect(result.stderr).toMatch(reason)
    expect(result.stderr.trim().split('\n')).toHaveLength(1)
  })

  test('truncated', async () => {
    const root = await unpack('linux-image-cloud-amd64')
    const path = join(dir, 'vmlinuz-truncated')
    copyFileSync(await imageIn(root), path)
    truncateSync(path, 1_000_000)
    const result = await klab(['run', '--kernel', path, '--', 'true'])
    expect(result.code).toBe(125)
    expect(result.stderr).toMatch(/is truncated: 1000000 bytes of the \d+ that its header promises/)
  })

  test('built without what is asked for', async () => {
    const root = await unpack('linux-image-cloud-amd64')
    const config = (await runOk('sh', ['-c', 'echo "$1"/boot/config-*', 'sh', root])).trim()
    writeFileSync(
      config,
      readFileSync(config, 'utf8').replace('CONFIG_OVERLAY_FS=m', '# CONFIG_OVERLAY_FS is not set'),
    )
    const result = await klab(['run', '--kernel', await imageIn(root), '--', 'true'])
    expect(result.code).toBe(125)
    expect(result.stderr).toContain('was built without CONFIG_OVERLAY_FS')
  })
})

test('a kernel without virtio is diagnosed by name', async () => {
  // A modular kernel taken from its modules: all its virtio drivers are missing.
  const root = await unpack('linux-image-amd64')
  const alone = join(dir, 'alone')
  mkdirSync(alone)
  copyFileSync(await imageIn(root), join(alone, 'kernel-image'))
  const result = await klab(['run', '--kernel', join(alone, 'kernel-image'), '--', 'true'])
  expect(result.code).toBe(125)
  expect(result.stderr).toContain('no working virtio console driver (CONFIG_VIRTIO_CONSOLE')
})

describe('a tree', () => {
  test('that is none is refused', async () => {
    const empty = join(dir, 'empty')
    mkdirSync(empty)
    const result = await klab(['run', '--tree', empty, '--', 'true'])
    expect(result.code).toBe(125)
    expect(result.stderr).toContain('is not a kernel tree: it has no Makefile')
    const outside = await klab(['run', '--', 'true'], { cwd: empty })
    expect(outside.code).toBe(125)
    expect(outside.stderr).toContain('is not in a kernel tree')
  })

  test('with an unknown profile, option or contradiction is refused with a suggestion', async () => {
    const profile = await klab(['build', '--tree', testTree(), '--profile', 'minmal'])
    expect([profile.code, profile.stderr]).toEqual([
      2,
      expect.stringContaining('did you mean minimal?'),
    ])
    const option = await klab(['build', '--tree', testTree(), '--config', 'CONFIG_BTRFZ_FS=y'])
    expect([option.code, option.stderr]).toEqual([
      125,
      expect.stringContaining('no such symbol in this tree; did you mean BTRFS_FS?'),
    ])
    const unmet = await klab(['build', '--tree', testTree(), '--config', 'CONFIG_XFS_QUOTA=y'])
    expect([unmet.code, unmet.stderr]).toEqual([
      125,
      expect.stringContaining('it depends on XFS_FS (=n)'),
    ])
    const contradiction = await klab([
      'build',
      '--tree',
      testTree(),
      '--config',
      'A=y',
      '--config',
      'A=n',
    ])
    expect([contradiction.code, contradiction.stderr]).toEqual([
      2,
      expect.stringContaining('contradicts itself'),
    ])
  })

  test('has a directory against which a module is built that its kernel loads', async () => {
    const id = (await klab(['build', '-q', '--tree', testTree()])).stdout.trim()
    const buildDir = (await klab(['kernel', 'show', id, '--build-dir'])).stdout.trim()
    expect((await klab(['kernel', 'show', id])).stdout).toContain(`buildDir     ${buildDir}\n`)
    const module = join(dir, 'module')
    mkdirSync(module)
    writeFileSync(join(module, 'Kbuild'), 'obj-m := hello.o\n')
    const init = 'static int __init hello(void) { pr_info("hello from a module\\n"); return 0; }'
    const code = `#include <linux/module.h>\n${init}\nmodule_init(hello);\nMODULE_LICENSE("GPL");\n`
    writeFileSync(join(module, 'hello.c'), code)
    await runOk('make', ['-C', buildDir, `M=${module}`, 'modules'])
    // finit_module(2), for machines without insmod.
    const insmod = 'open my $f, "<", $ARGV[0]; $a = ""; exit(syscall(313, fileno($f), $a, 0) != 0)'
    const load = 'perl -e "$1" "$2" && dmesg | grep "hello from"'
    const command = ['sh', '-c', load, 'sh', insmod, join(module, 'hello.ko')]
    const run = await klab(['run', '-q', '--user', 'root', '--kernel', id, '--', ...command])
    expect(run.stdout).toContain('hello from a module')
  })

  test('is built with a whole configuration that another compiler has written', async () => {
    const id = (await klab(['build', '-q', '--tree', testTree()])).stdout.trim()
    const config = readFileSync(join(TEST_HOME, 'cache/kernels', id, 'config'), 'utf8')
    const theirs = join(dir, 'their.config')
    // As klab crash export packs it, on a machine with clang and pahole.
    const changes: [string | RegExp, string][] = [
      [/^CONFIG_CC_VERSION_TEXT=.*$/m, 'CONFIG_CC_VERSION_TEXT="clang version 19.1.0"'],
      [/^CONFIG_GCC_VERSION=.*$/m, 'CONFIG_GCC_VERSION=0\nCONFIG_CC_IS_CLANG=y'],
      [/^CONFIG_PAHOLE_VERSION=.*$/m, 'CONFIG_PAHOLE_VERSION=127'],
      [/^CONFIG_CC_IS_GCC=y\n/m, ''],
    ]
    writeFileSync(
      theirs,
      changes.reduce((text, [from, to]) => text.replace(from, to), config),
    )
    const startedAt = Date.now()
    const built = await klab(['build', '--json', '--tree', testTree(), '--config-file', theirs], {
      timeoutMs: 600_000,
    })
    expect(built.code).toBe(0)
    const manifest = JSON.parse(built.stdout)
    // Said when it is built; the cache of the tests may have it from before.
    const isBuilt = Date.parse(manifest.createdAt) >= startedAt
    expect(built.stderr.includes(`${theirs} is a whole configuration`)).toBe(isBuilt)
    expect(manifest).toMatchObject({ profile: 'vm', ...(isBuilt && { configBase: theirs }) })
    const run = await klab(['run', '-q', '--kernel', manifest.id, '--', 'uname', '-r'])
    expect(run.stdout.trim()).toBe(manifest.release)
  }, 700_000)

  test('is up to date without make, and never written to', async () => {
    const before = await runOk('find', [testTree(), '-newermt', '-2 minutes'])
    const result = await klab(['build', '--tree', testTree()])
    expect(result.stdout).toContain('up to date')
    expect(await runOk('find', [testTree(), '-newermt', '-2 minutes'])).toBe(before)
    const [id = ''] = result.stdout.split(' ')
    expect((await klab(['kernel', 'ls'])).stdout).toContain(id)
    const manifest = JSON.parse((await klab(['kernel', 'show', id, '--json'])).stdout)
    expect(manifest).toMatchObject({
      id,
      profile: 'minimal',
      release: expect.stringContaining('-klab'),
    })
    expect((await klab(['run', '-q', '--kernel', id, '--', 'uname', '-r'])).stdout.trim()).toBe(
      manifest.release,
    )
  })
})

/** The header of an arm64 Image (Documentation/arch/arm64/booting.rst), and nothing. */
function arm64Image(): Buffer {
  const image = Buffer.alloc(8192)
  image.write('ARM\x64', 0x38, 'latin1')
  return image
}

test('kernels are listed, shown, removed and cleaned', async () => {
  const id = (await klab(['build', '-q', '--tree', testTree()])).stdout.trim()
  const home = mkdtempSync(join(tmpdir(), 'klab-kernels-home-'))
  const own = { env: { KLAB_HOME: home } }
  const copy = () =>
    cpSync(join(TEST_HOME, 'cache/kernels', id), join(home, 'cache/kernels', id), {
      recursive: true,
    })
  copy()
  expect((await klab(['kernel', 'ls'], own)).stdout).toContain(id)
  expect(JSON.parse((await klab(['kernel', 'show', id, '--json'], own)).stdout)).toMatchObject({
    id,
  })
  expect((await klab(['kernel', 'rm', id.slice(0, 6)], own)).code).toBe(0)
  expect(existsSync(join(home, 'cache/kernels', id))).toBe(false)
  expect((await klab(['kernel', 'rm', id], own)).code).toBe(125)
  copy()
  expect((await klab(['kernel', 'clean', '--size', '1'], own)).stdout).toContain(`kernel ${id}`)
  expect((await klab(['kernel', 'ls'], own)).stdout).not.toContain(id)
  rmSync(home, { recursive: true })
})
