import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

import { openLab } from '../src/lab/session/context.ts'
import { CTRL_C, CTRL_D, TypedKlab } from './support/typed.ts'
import { klab as start, type KlabOptions } from './support/klab.ts'

// Each starts klab several times.
vi.setConfig({ testTimeout: 60_000 })

const OTHER = 54_321

const cache = mkdtempSync(join(tmpdir(), 'klab-trust-cache-'))
afterAll(() => rmSync(cache, { recursive: true }))

let dir = ''
let project = ''
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'klab-trust-'))
  mkdirSync(home(), { mode: 0o700 })
  symlinkSync(cache, join(home(), 'cache'))
  project = join(dir, 'project')
  mkdirSync(project)
})
afterEach(() => rmSync(dir, { recursive: true }))

const home = () => join(dir, 'home')
const klab = (args: readonly string[], options: KlabOptions = {}) =>
  start(args, { cwd: project, ...options, env: { KLAB_HOME: home(), ...options.env } })

function configure(text: string, where = project): string {
  const path = join(where, 'klab.yaml')
  writeFileSync(path, text)
  return path
}

/** A QEMU of a project that tells whether it was started. */
function evil(): string {
  const path = join(project, 'evil')
  writeFileSync(path, `#!/bin/sh\ntouch ${join(dir, 'started')}\n`, { mode: 0o755 })
  return configure(`qemu: ${path}\nmachine: { cpus: 1 }\n`)
}
const wasStarted = () => existsSync(join(dir, 'started'))

const config = async (env: Readonly<Record<string, string>> = {}) =>
  (
    await openLab({
      cwd: project,
      env: { KLAB_HOME: home(), ...env },
      uid: process.getuid?.() ?? 0,
    })
  ).config

describe('a file that nobody trusts', () => {
  test('starts nothing (S2), and its harmless settings hold', async () => {
    const file = evil()
    const { stderr } = await klab(['doctor'])
    expect(wasStarted()).toBe(false)
    expect(stderr).toContain(
      `not taken from ${file}, which you have not trusted (klab trust): qemu`,
    )
    const { stdout } = await klab(['config', 'list'])
    expect(stdout).toMatch(/qemu +"qemu-system-x86_64" +default/)
    expect(stdout).toMatch(/machine\.cpus +1 /)
  })

  test.each([
    ['run', '--kernel', '/nowhere', '--', 'true'],
    ['start', 'box', '--kernel', '/nowhere'],
    ['build'],
  ])('makes no verdict of another machine than the one it asks for: %s', async (...args) => {
    evil()
    const { code, stderr } = await klab(args)
    expect({ code, lines: stderr.trim().split('\n') }).toEqual({
      code: 125,
      lines: [
        expect.stringMatching(
          /klab\.yaml asks for what is only done for a file that you trust; look at it, then: klab trust \//,
        ),
        `  qemu: "${project}/evil" (starts a program)`,
      ],
    })
    expect(wasStarted()).toBe(false)
  })

  test('makes visible what it says', async () => {
    configure('qemu: "a\\x1b[2J\\u202eb\\x9d"\n')
    const { stderr } = await klab(['run', '--', 'true'])
    expect(stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u0080-\u009f\u202e]/)
  })
})

describe('trust', () => {
  test('is for the content that was looked at, and can be taken back', async () => {
    const file = evil()
    expect(await klab(['trust'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--yes'),
    })
    expect(JSON.parse((await klab(['trust', '--json'])).stdout)).toMatchObject({
      path: file,
      isTrusted: false,
      asks: [{ path: 'qemu', value: `${project}/evil`, why: 'starts a program' }],
    })
    expect(await klab(['trust', '--yes'])).toMatchObject({ code: 0 })
    expect((await config()).qemu).toBe(join(project, 'evil'))
    expect(JSON.parse((await klab(['trust', '--list', '--json'])).stdout)).toMatchObject([
      { path: file, state: 'in force' },
    ])
    writeFileSync(file, `${readFileSync(file, 'utf8')}# more\n`)
    expect((await config()).qemu).toBe('qemu-system-x86_64')
    expect((await klab(['trust', '--list'])).stdout).toContain('other content')
    evil()
    expect((await config()).qemu).toBe(join(project, 'evil'))
    expect(await klab(['trust', '--revoke'])).toMatchObject({ code: 0 })
    expect((await config()).qemu).toBe('qemu-system-x86_64')
    expect(await klab(['trust', '--revoke'])).toMatchObject({ code: 2 })
  })

  test('is for a place: the same file elsewhere is another', async () => {
    evil()
    await klab(['trust', '--yes'])
    mkdirSync(join(dir, 'elsewhere'))
    configure(readFileSync(join(project, 'klab.yaml'), 'utf8'), join(dir, 'elsewhere'))
    const { stdout } = await klab(['trust', '--json'], { cwd: join(dir, 'elsewhere') })
    expect(JSON.parse(stdout)).toMatchObject({ isTrusted: false })
  })

  test('is not asked for where nothing needs it', async () => {
    configure('machine: { cpus: 1 }\n')
    expect(await klab(['trust'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('asks for nothing that needs trust'),
    })
    expect((await klab(['trust', '--list', '--json'])).stdout.trim()).toBe('[]')
  })

  test('stays with a file that its user changes with klab, and comes to none by that', async () => {
    await klab(['config', 'set', 'machine.cpus', '1'])
    expect(existsSync(join(project, 'klab.yaml'))).toBe(false)
    const file = configure('machine: { cpus: 1 }\n')
    await klab(['config', 'set', 'qemu', '/usr/bin/mine'])
    await klab(['config', 'set', 'machine.cpus', '2'])
    expect(await config()).toMatchObject({ qemu: '/usr/bin/mine', machine: { cpus: 2 } })
    writeFileSync(file, 'qemu: /tmp/theirs\n')
    await klab(['config', 'set', 'machine.cpus', '3'])
    expect(await config()).toMatchObject({ qemu: 'qemu-system-x86_64', machine: { cpus: 3 } })
  })
})

describe('somebody at a terminal is asked', () => {
  test.each([
    ['y\r', 0],
    ['n\r', 1],
    ['\r', 1],
    [CTRL_D, 1],
    [CTRL_C, 130],
  ])('and %j is %i', async (keys, code) => {
    evil()
    await using typed = new TypedKlab(['trust', project], { home: home() })
    await typed.untilShown('[y/N]')
    expect(typed.shown).toContain('(starts a program)')
    typed.type(keys)
    expect((await typed.ended()).code).toBe(code)
    expect((await config()).qemu === join(project, 'evil')).toBe(code === 0)
  })
})

test('a project hides more, and never less', async () => {
  writeFileSync(join(home(), 'config.yaml'), 'run: { hide: [/mine] }\n')
  configure('run: { hide: [] }\n')
  expect((await config()).run.hide).toEqual(['/mine'])
  configure('run: { hide: [/theirs] }\n')
  expect((await config()).run.hide).toEqual(['/mine', '/theirs'])
  // A variable is the user's own word.
  expect((await config({ KLAB_RUN_HIDE: '/this' })).run.hide).toEqual(['/this'])
})

test("a user's file that anybody can write is not his", async () => {
  writeFileSync(join(home(), 'config.yaml'), 'qemu: /tmp/evil\n')
  chmodSync(join(home(), 'config.yaml'), 0o666)
  expect(await klab(['config', 'list'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('other users can write it'),
  })
})

test('what a variable sets for guests is on no disk', async () => {
  await config({ KLAB_RUN_ENV: 'TOKEN=hunter2' })
  const cached = readdirSync(join(cache, 'config'))
  await config()
  expect(cached).not.toEqual([])
  for (const name of readdirSync(join(cache, 'config')))
    expect(readFileSync(join(cache, 'config', name), 'utf8')).not.toContain('hunter2')
})

// Giving files away takes root.
describe.skipIf(process.getuid?.() !== 0)('a file of another user', () => {
  test('counts for nothing (R3), and is not written', async () => {
    const file = configure('qemu: /tmp/evil\nmachine: { cpus: 7 }\n', dir)
    chownSync(file, OTHER, OTHER)
    const { stdout, stderr, code } = await klab(['config', 'get', 'machine.cpus'])
    expect({ stdout, code }).toEqual({ stdout: '2\n', code: 0 })
    expect(stderr).toContain(`${file} counts for nothing: it belongs to uid ${OTHER}`)
    await klab(['config', 'set', 'machine.cpus', '3'])
    expect(readFileSync(file, 'utf8')).toContain('cpus: 7')
    expect((await config()).machine.cpus).toBe(3)
    expect(await klab(['trust', '--yes'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('cannot be trusted'),
    })
  })

  test('is none either where a link of ours, or of his, leads to it', async () => {
    const file = configure('machine: { cpus: 7 }\n', dir)
    chownSync(file, OTHER, OTHER)
    symlinkSync(file, join(project, 'klab.yaml'))
    expect((await config()).machine.cpus).toBe(2)
  })

  test('does not hide the one of the project above it', async () => {
    configure('machine: { cpus: 3 }\n', dir)
    chownSync(configure('machine: { cpus: 7 }\n'), OTHER, OTHER)
    expect((await config()).machine.cpus).toBe(3)
  })
})
