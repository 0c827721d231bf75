import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'

import { placeOf, smallTree } from '../../../test/support/small-tree.ts'
import { processesEndingWith } from '../../host/index.ts'
import type { ConfigBase } from '../kconfig/config-base.ts'
import { parseConfig, type WantedOption } from '../kconfig/kconfig.ts'
import { findProfile } from '../kconfig/profiles.ts'
import { KernelStore } from '../ready-made/kernel-store.ts'
import { treeAt } from '../tree/tree.ts'
import type { MakeRequest } from './builder.ts'
import { buildKernel, planBuild, type BuildEvent, type BuildRequest } from './plan.ts'

const dir = mkdtempSync(join(tmpdir(), 'klab-builder-'))
afterAll(() => rmSync(dir, { recursive: true }))
const cacheDir = join(dir, 'cache')

async function requestOf(tree: string, more: Partial<BuildRequest> = {}): Promise<BuildRequest> {
  return {
    tree: await treeAt(tree),
    arch: 'x86_64',
    profile: findProfile('minimal'),
    base: { kind: 'target', target: 'allnoconfig' },
    options: [],
    toolchain: { compiler: 'gcc', ccache: false, version: 'gcc (there) 1' },
    jobs: 7,
    notes: [],
    ...more,
  }
}

test('what another place of builds has made becomes the kernel, and its steps are told', async () => {
  const asked: MakeRequest[] = []
  const events: BuildEvent[] = []
  const notes: string[] = []
  const request = await requestOf(smallTree(join(dir, 'tree')), { notes: ['built there'] })
  const context = {
    ...{ cacheDir, env: process.env, builder: placeOf(asked) },
    onEvent: (event: BuildEvent) => events.push(event),
    onNote: (note: string) => notes.push(note),
  }
  const manifest = await buildKernel(request, context)
  expect(asked.map(({ targets, jobs }) => [targets.join(' '), jobs])).toEqual([
    ['allnoconfig', 1],
    ['olddefconfig', 1],
    ['bzImage modules', 7],
    ['layout.s', 1],
  ])
  expect(asked[0]?.variables).toContain('KCONFIG_ALLCONFIG=/there/objects/klab.fragment')
  expect(events.map((event) => (event.kind === 'step' ? event.name : event.kind))).toEqual([
    'configure',
    'compile',
    'progress',
    'collect',
  ])
  expect(manifest.release).toBe('6.1.0-there')
  // What is to be said of a build is said once, and not of a kernel that is there.
  await buildKernel(request, context)
  expect([asked.length, notes]).toEqual([4, ['built there']])
  const image = join(new KernelStore(cacheDir).directory(manifest.id), 'image')
  expect(readFileSync(image, 'utf8')).toBe('arch/x86/boot/bzImage')
})

test('a build whose lock is lost is ended with one sentence', async () => {
  const ended = buildKernel(await requestOf(smallTree(join(dir, 'unlocked'))), {
    ...{ cacheDir, env: process.env, onEvent: () => undefined, onNote: () => undefined },
    builder: {
      // As make does: it ends when its signal says so, and not before.
      open: async ({ output, log, signal }) => ({
        ...{ source: '/', output },
        async make() {
          const lock = join(dirname(log), 'lock')
          for (const pid of processesEndingWith(['--hold', lock])) process.kill(pid, 'SIGKILL')
          if (signal && !signal.aborted) await once(signal, 'abort')
          signal?.throwIfAborted()
        },
      }),
    },
  })
  await expect(ended).rejects.toThrow(
    /^the build in \S+ was ended: the process that held its lock was killed, and another klab could build there at the same time; start it again$/,
  )
})

const KCONFIG = `config CC_VERSION_TEXT
	string
	default "gcc (here)"
config CC_HAS_ASM
	def_bool y
config KEPT
	bool "kept"
config BROKEN
	bool "needs what is not there"
	depends on NOT_THERE
`

const BASE = `# Linux/x86 6.1.0 Kernel Configuration
CONFIG_CC_VERSION_TEXT="gcc (of somebody else)"
CONFIG_CC_HAS_ASM=y
CONFIG_KEPT=y
CONFIG_BROKEN=y
CONFIG_OF_ANOTHER_TREE=y
`

function baseOf(text: string): ConfigBase {
  return { kind: 'config', source: 'a.config', text, options: parseConfig(text), adjusted: [] }
}

/** What this tree makes of the configuration above. */
function settled(config: string): string {
  return config
    .replace('gcc (of somebody else)', 'gcc (here)')
    .replaceAll(/^CONFIG_(?:CC_HAS_ASM|BROKEN|OF_ANOTHER_TREE)=y\n/gm, '')
}

describe('a whole configuration', () => {
  const build = async (options: WantedOption[]) => {
    const notes: string[] = []
    const tree = smallTree(join(dir, 'whole'), KCONFIG)
    const request = await requestOf(tree, {
      ...{ profile: findProfile('vm'), base: baseOf(BASE), options },
    })
    const builder = placeOf([], settled)
    const context = { cacheDir, env: process.env, builder, onEvent: () => undefined }
    const manifest = await buildKernel(request, {
      ...context,
      onNote: (note) => notes.push(note),
    })
    const config = join(new KernelStore(cacheDir).directory(manifest.id), 'config')
    return { notes, config: readFileSync(config, 'utf8'), manifest }
  }

  test('of another compiler is brought to this one, and what could not be kept is told', async () => {
    const { notes, config, manifest } = await build([])
    expect(manifest).toMatchObject({ profile: 'vm', configBase: 'a.config' })
    expect(config).toContain('CONFIG_KEPT=y')
    expect(config).toContain('CONFIG_VIRTIO_CONSOLE=y')
    expect(config).not.toContain('CONFIG_PREEMPT_VOLUNTARY')
    // Neither what the compiler decides nor what this tree does not know.
    expect(notes).toEqual([
      'what of a.config could not be kept in this tree, with this compiler, is otherwise: CONFIG_BROKEN=y became n',
    ])
  })

  test('does not excuse what was asked for: an option that is lost is explained', async () => {
    const asked: WantedOption = { name: 'BROKEN', value: 'y', source: '--config', by: 'user' }
    await expect(build([asked])).rejects.toThrow(
      /lost an option: CONFIG_BROKEN=y \(asked for by --config\) became n: it depends on NOT_THERE \(=n\)/,
    )
  })

  test('a fragment with what a compiler decides is taken, and that is told', async () => {
    const source = 'some.config'
    const { notes } = await build([{ name: 'CC_HAS_ASM', value: 'y', source, by: 'file' }])
    expect(notes[0]).toBe(
      'what of some.config cannot be set by itself, and is otherwise: CONFIG_CC_HAS_ASM=y became n',
    )
    const typed = build([{ name: 'CC_HAS_ASM', value: 'y', source: '--config', by: 'user' }])
    await expect(typed).rejects.toThrow(/CC_HAS_ASM=y .* it cannot be set by itself/)
  })

  test('gives another kernel when it changes, and the same when only its comments do', async () => {
    const tree = smallTree(join(dir, 'ids'))
    const idOf = async (text: string) =>
      (await planBuild(await requestOf(tree, { base: baseOf(text) }), cacheDir)).id
    const id = await idOf(BASE)
    expect(await idOf(`# by me\n${BASE}`)).toBe(id)
    expect(await idOf(BASE.replace('CONFIG_KEPT=y', 'CONFIG_KEPT=m'))).not.toBe(id)
  })
})
