import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, expect, test } from 'vitest'

import { InfraError } from '../../base/index.ts'
import { findProfile } from '../kconfig/profiles.ts'
import { KernelStore } from '../ready-made/kernel-store.ts'
import { treeAt } from '../tree/tree.ts'
import type { Builder, MakeRequest } from './builder.ts'
import { buildKernel, type BuildContext, type BuildEvent, type BuildRequest } from './plan.ts'

const dir = mkdtempSync(join(tmpdir(), 'klab-builder-'))
afterAll(() => rmSync(dir, { recursive: true }))

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

/** What klab takes for a kernel tree, and no more. */
function smallTree(path: string): string {
  write(join(path, 'Makefile'), 'VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 0\n')
  for (const file of ['Kconfig', 'init/main.c', 'scripts/kconfig/conf.c'])
    write(join(path, file), '\n')
  return path
}

/** A place of builds whose compiler writes down what it is asked for. */
function placeOf(asked: MakeRequest[]): Builder {
  return {
    async open({ output, log }) {
      return {
        source: '/there/source',
        output: '/there/objects',
        async make(request) {
          asked.push(request)
          appendFileSync(log, `make ${request.targets.join(' ')}\n`)
          if (request.targets.includes('layout.s')) throw new InfraError('BUILD', 'none')
          if (request.targets.includes('allnoconfig'))
            write(join(output, '.config'), readFileSync(join(output, 'klab.fragment'), 'utf8'))
          if (!request.targets.includes('modules')) return
          request.onStep?.('init/main.o')
          for (const file of ['arch/x86/boot/bzImage', 'vmlinux', 'System.map'])
            write(join(output, file), file)
          write(join(output, 'include/config/kernel.release'), '6.1.0-there\n')
        },
      }
    },
  }
}

test('what another place of builds has made becomes the kernel, and its steps are told', async () => {
  const cacheDir = join(dir, 'cache')
  const asked: MakeRequest[] = []
  const events: BuildEvent[] = []
  const notes: string[] = []
  const request: BuildRequest = {
    tree: await treeAt(smallTree(join(dir, 'tree'))),
    arch: 'x86_64',
    profile: findProfile('minimal'),
    options: [],
    toolchain: { compiler: 'gcc', ccache: false, version: 'gcc (there) 1' },
    jobs: 7,
    notes: ['built there'],
  }
  const context: BuildContext = {
    ...{ cacheDir, env: process.env, builder: placeOf(asked) },
    onEvent: (event) => events.push(event),
    onNote: (note) => notes.push(note),
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
