import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { run, runOk } from '../../src/host/index.ts'
import { packageOf } from '../support/kernels.ts'

const dir = mkdtempSync(join(tmpdir(), 'klab-package-'))
const installed = join(dir, 'lib/node_modules/klab')
const kernel = packageOf('linux-image-cloud-amd64') ?? ''

/** Nothing of the clone is near: not its Node, not its cache, not its directory. */
const env = {
  PATH: `${join(dir, 'bin')}:/usr/sbin:/usr/bin:/sbin:/bin`,
  HOME: join(dir, 'home'),
  XDG_RUNTIME_DIR: join(dir, 'run'),
}

const klab = async (...args: string[]) => {
  const { exit, stdout, stderr } = await run('klab', args, { cwd: dir, env })
  return { code: exit.kind === 'exited' ? exit.code : exit.kind, stdout, stderr }
}

/** Builds and packs a copy, and puts the package where npm would, with the Node that it brings along. */
beforeAll(async () => {
  const copy = join(dir, 'copy')
  const isLeftOut = (path: string) => /\/(?:node_modules|dist|\.git)$/.test(path)
  cpSync(resolve('.'), copy, { recursive: true, filter: (path) => !isLeftOut(path) })
  symlinkSync(resolve('node_modules'), join(copy, 'node_modules'))
  const own = { ...process.env, PATH: `${resolve('node_modules/.bin')}:${process.env['PATH']}` }
  await runOk('npm', ['pack', '--silent', '--pack-destination', dir], { cwd: copy, env: own })
  for (const part of [installed, env.HOME, join(dir, 'bin')]) mkdirSync(part, { recursive: true })
  mkdirSync(env.XDG_RUNTIME_DIR, { mode: 0o700 })
  const { version, bin } = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest
  const tarball = join(dir, `klab-${version}.tgz`)
  await runOk('tar', ['-C', installed, '--strip-components=1', '-xzf', tarball])
  const node = join(installed, `node_modules/node-linux-${process.arch}/bin`)
  mkdirSync(node, { recursive: true })
  symlinkSync(process.execPath, join(node, 'node'))
  symlinkSync(join(installed, bin.klab), join(dir, 'bin/klab'))
  rmSync(copy, { recursive: true })
})

interface Manifest {
  readonly version: string
  readonly bin: { readonly klab: string }
}

afterAll(() => rmSync(dir, { recursive: true, force: true }))

test('an installed klab knows its version, and misses nothing on a machine that has all', async () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest
  expect(await klab('--version')).toMatchObject({ code: 0, stdout: `klab ${version}\n` })
  const { code, stdout } = await klab('doctor', '--json')
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ packages: [] })
})

test('an installed klab boots a kernel and runs a command in it', async () => {
  const { code, stdout } = await klab('run', '-q', '--kernel', kernel, '--', 'uname', '-r')
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: expect.stringMatching(/^\d\S+-cloud-amd64\n/),
  })
})

test('an installed klab starts a VM that stays: its keeper is of the package too', async () => {
  expect(await klab('start', 'box', '-q', '--kernel', kernel)).toMatchObject({ stdout: 'box\n' })
  try {
    const { code, stdout } = await klab('exec', 'box', '--', 'echo', 'hello')
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'hello\n' })
    expect(await klab('stop', 'box')).toMatchObject({ code: 0 })
  } finally {
    await klab('rm', '--force', 'box')
  }
})

test('an installed klab brings the pages of its manual and the binaries that VMs need', async () => {
  const listed = await runOk('find', [join(installed, 'dist'), '-type', 'f', '-printf', '%P\\n'])
  expect(listed).toContain('man/klab-run.1\n')
  expect(listed).toMatch(/^native\/klab-agent-/m)
  expect(listed).toMatch(/^native\/klab-launch-/m)
})
