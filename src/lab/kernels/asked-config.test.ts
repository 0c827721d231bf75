import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'

import { trustProject } from '../../../test/support/trust.ts'
import { smallTree, write } from '../../../test/support/small-tree.ts'
import { runOk } from '../../host/index.ts'
import { treeAt } from '../../kernel/index.ts'
import { openLab } from '../session/context.ts'
import type { KernelChoice } from '../spec/kernel-choice.ts'
import { askedConfig } from './asked-config.ts'
import { runningConfig } from './config-base.ts'

const dir = mkdtempSync(join(tmpdir(), 'klab-asked-'))
afterAll(() => rmSync(dir, { recursive: true }))
const tree = smallTree(join(dir, 'linux'))
const project = join(dir, 'klab.yaml')
const whole = `# Linux/x86 6.1.0 Kernel Configuration\nCONFIG_X86_64=y\n${Array.from({ length: 500 }, (_, n) => `CONFIG_X${n}=y\n`).join('')}`
const file = join(dir, 'their.config')

beforeEach(() => {
  writeFileSync(file, whole)
  writeFileSync(project, '{}\n')
})

async function asked(choice: Partial<KernelChoice>) {
  await trustProject(tree, join(dir, 'home'))
  const env = { KLAB_HOME: join(dir, 'home'), PATH: process.env['PATH'] }
  const lab = await openLab({ cwd: tree, env, uid: process.getuid?.() ?? 0 })
  return await askedConfig(lab, { options: [], configFiles: [], ...choice }, await treeAt(tree))
}

describe('a configuration to begin with', () => {
  test('gets what a VM needs, and nothing else that nobody asked for', async () => {
    const { profile, base } = await asked({ configBase: file })
    expect([profile.name, base]).toMatchObject([
      'vm',
      { kind: 'config', source: file, text: whole },
    ])
    expect((await asked({ configBase: file, profile: 'debug' })).profile.name).toBe('debug')
    writeFileSync(project, 'profile: debug\n')
    expect((await asked({ configBase: file })).profile.name).toBe('debug')
  })

  test('may be packed, the default of the tree, or its own', async () => {
    const packed = join(dir, 'config.gz')
    writeFileSync(packed, gzipSync(whole))
    expect((await asked({ configBase: packed })).base).toMatchObject({ text: whole })
    expect((await asked({ configBase: 'defconfig' })).base).toEqual({
      kind: 'target',
      target: 'defconfig',
    })
    await expect(asked({ configBase: 'tree' })).rejects.toThrow(/has no configuration of its own/)
    write(join(tree, '.config'), whole)
    expect((await asked({ configBase: 'tree' })).base).toMatchObject({ text: whole })
    rmSync(join(tree, '.config'))
  })

  test('is named by klab.yaml relative to that file, and by the command line over it', async () => {
    writeFileSync(project, 'build: { configBase: their.config }\n')
    expect((await asked({})).base).toMatchObject({ source: file })
    expect((await asked({ configBase: 'defconfig' })).base.kind).toBe('target')
  })

  test('that is given as a fragment is told from one, and taken for what it is', async () => {
    const { base, profile, notes } = await asked({ configFiles: [file] })
    expect([base.kind, profile.name]).toEqual(['config', 'vm'])
    expect(notes[0]).toContain(`${file} is a whole configuration: it is taken as --config-base`)
    const again = asked({ configFiles: [file], configBase: 'defconfig' })
    await expect(again).rejects.toThrow(/a kernel has one/)
  })

  test.each([
    ['not-there', /--config-base not-there: .*not-there: there is no such file/],
    ['/dev/zero', /--config-base \/dev\/zero: \/dev\/zero: it is a device/],
    ['../empty', /has no option in it/],
    ['../arm64', /is for another architecture: it has no CONFIG_X86_64=y/],
    ['../bomb', /cannot be unpacked/],
    ['../fifo', /it is a pipe/],
  ])('%s is refused in one sentence', async (configBase, reason) => {
    write(join(dir, 'empty'), '')
    write(join(dir, 'arm64'), whole.replace('X86_64', 'ARM64'))
    writeFileSync(join(dir, 'bomb'), gzipSync(Buffer.alloc(64 * 1024 * 1024)))
    if (configBase === '../fifo') await runOk('mkfifo', [join(dir, 'fifo')])
    await expect(asked({ configBase })).rejects.toThrow(reason)
  })
})

test('the configuration of the running kernel is found where kernels and distributions have it', () => {
  const root = join(dir, 'root')
  expect(() => runningConfig('6.1.0-1', root)).toThrow(/is not to be found: there is no .*proc/)
  write(join(root, 'lib/modules/6.1.0-1/config'), '')
  expect(runningConfig('6.1.0-1', root)).toBe(join(root, 'lib/modules/6.1.0-1/config'))
  write(join(root, 'boot/config-6.1.0-1'), '')
  expect(runningConfig('6.1.0-1', root)).toBe(join(root, 'boot/config-6.1.0-1'))
  mkdirSync(join(root, 'proc'))
  write(join(root, 'proc/config.gz'), '')
  expect(runningConfig('6.1.0-1', root)).toBe(join(root, 'proc/config.gz'))
})

test('a tree with a configuration of its own says what is built instead, and how to have that', async () => {
  write(join(tree, '.config'), whole)
  const { profile, notes } = await asked({})
  expect([profile.name, notes]).toEqual([
    'minimal',
    [
      `${tree} has a .config of its own, and klab builds its profile minimal: --config-base tree builds that configuration`,
    ],
  ])
  expect((await asked({ profile: 'minimal' })).notes).toEqual([])
  rmSync(join(tree, '.config'))
})

describe('a profile of the project', () => {
  const PROFILES = `profiles:
  small:
    fragments: [xfs.config, CONFIG_QUOTA=y]
    parameters: [quiet]
    summary: for xfs
  more: { base: small, fragments: [CONFIG_XFS_QUOTA=y] }
  slow: { base: debug }
  theirs: { base: their.config }
  round: { base: about }
  about: { base: round }
  wrong: { base: debg }
  gone: { fragments: [gone.config] }
  big: { fragments: [their.config] }
`
  beforeEach(() => {
    writeFileSync(project, PROFILES)
    write(join(dir, 'xfs.config'), 'CONFIG_XFS_FS=y\n')
  })
  const wanted = ({ options }: Awaited<ReturnType<typeof asked>>) =>
    options.map(({ name, value }) => `${name}=${value}`)

  test('is klab’s own with options and parameters, found beside the klab.yaml', async () => {
    const small = await asked({ profile: 'small', options: ['CONFIG_X=y'] })
    expect(small.profile).toMatchObject({ name: 'small', parameters: ['quiet'], slowness: 1 })
    expect(wanted(small)).toEqual(['XFS_FS=y', 'QUOTA=y', 'X=y'])
    expect(small.profile.fragments).toContain('userland')
  })

  test('goes on from another, from one of klab’s, or from a whole configuration', async () => {
    expect(wanted(await asked({ profile: 'more' }))).toEqual(['XFS_FS=y', 'QUOTA=y', 'XFS_QUOTA=y'])
    expect((await asked({ profile: 'slow' })).profile).toMatchObject({ name: 'slow', slowness: 6 })
    const { profile, base } = await asked({ profile: 'theirs' })
    expect(base).toMatchObject({ kind: 'config', source: file })
    expect(profile).toMatchObject({ name: 'theirs', fragments: ['core', 'guest'] })
    // Who says more on the command line has the last word.
    const { base: other } = await asked({ profile: 'theirs', configBase: 'defconfig' })
    expect(other.kind).toBe('target')
  })

  test.each([
    [
      'smal',
      /there is no profile smal; did you mean small\? \(there are: minimal, debug, vm, small/,
    ],
    ['round', /its base leads back to it \(round -> about -> round\)/],
    ['wrong', /profiles.wrong.base: debg: there is no such profile .* did you mean debug\?/],
    ['gone', /profiles.gone: .*gone.config: there is no such file/],
    [
      'big',
      /profiles.big: their.config is a whole configuration, and no fragment: name it as base/,
    ],
  ])('%s is refused by name', async (profile, reason) => {
    await expect(asked({ profile })).rejects.toThrow(reason)
  })

  test('may not have the name of one of klab’s', async () => {
    writeFileSync(project, 'profiles: { debug: { fragments: [CONFIG_X=y] } }\n')
    await expect(asked({})).rejects.toThrow(/profiles.debug: klab has a profile of that name/)
  })
})
