import { once as onceOf } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'

import * as host from '../../src/host/index.ts'
import { TEST_HOME } from '../support/home.ts'
import { testTree } from '../support/kernels.ts'
import { klab, startKlab } from '../support/klab.ts'
import { processesNaming } from '../support/processes.ts'

/** A project with a configuration and a history of its own. */
const project = mkdtempSync(join(tmpdir(), 'klab-history-'))
const home = join(project, 'home')
const env = { KLAB_HOME: home }
const inProject = (args: readonly string[], input?: string) =>
  klab(args, { cwd: project, env, ...(input !== undefined && { input }) })
const DIRECT = '/sys/kernel/debug/provoke-crash/DIRECT'
const crashing = (what: string, ...options: string[]) =>
  inProject([
    ...['run', '-q', '--json', '--user', 'root', '--tree', testTree(), ...options],
    ...['--env', 'TOKEN=abcdef123', '--', 'sh', '-c', `echo ${what} > ${DIRECT}`],
  ])

beforeAll(async () => {
  mkdirSync(home)
  symlinkSync(join(TEST_HOME, 'cache'), join(home, 'cache'))
  writeFileSync(join(project, 'klab.yaml'), '# of this project\nrun:\n  grace: 50ms\n')
  for (const what of ['WARNING', 'BUG', 'BUG']) await crashing(what)
})
afterAll(() => rmSync(project, { recursive: true }))

test('a crash is shown with what helps to understand it', async () => {
  const { stdout, stderr } = await inProject(['crash', 'show', 'kernel BUG in lkdtm_BUG'])
  expect(stderr).toBe('')
  expect(stdout).toMatch(/^kernel BUG in lkdtm_BUG\n\nkind: +BUG, severity high\n/)
  expect(stdout).toMatch(/^seen: +in 2 runs, /m)
  // The trap's own instruction, the same in each kernel.
  expect(stdout).toMatch(/^=> ud2$/m)
  expect(stdout).toContain(
    'Reproduce\n\n# values are not kept: TOKEN must be in the environment\nklab run --kernel ',
  )
  expect(stdout).toContain(`-- sh -c 'echo BUG > ${DIRECT}'`)
})

test.each([
  ['markdown', /^# kernel BUG in lkdtm\\_BUG\n\n- kind: BUG/],
  [
    'mail',
    /^(?:To: .*\n(?: .*\n)*)?(?:Cc: .*\n(?: .*\n)*)?Subject: \[BUG\] kernel BUG in lkdtm_BUG\n\n/,
  ],
  ['json', /^\{\n {2}"fingerprint"/],
  ['sarif', /"version": "2.1.0"[\s\S]*"text": "kernel BUG in lkdtm_BUG"/],
])('a crash is written as %s', async (format, expected) => {
  const { code, stdout } = await inProject(['crash', 'show', 'lkdtm_BUG', '--format', format])
  expect(code).toBe(0)
  expect(stdout).toMatch(expected)
})

test('an unknown format is refused', async () => {
  const { code, stderr } = await inProject(['crash', 'show', 'lkdtm_BUG', '--format', 'pdf'])
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: 'klab: --format pdf is not text, markdown, mail, json or sarif\n',
  })
})

test('two crashes are compared, stacks side by side', async () => {
  const { stdout } = await inProject(['crash', 'compare', '--json', 'lkdtm_BUG', 'lkdtm_WARNING'])
  const { isSame, frames, fields } = JSON.parse(stdout)
  expect(isSame).toBe(false)
  expect(frames).toContainEqual({ one: 'direct_entry', other: 'direct_entry' })
  expect(fields).toContainEqual({ name: 'runs', one: '2', other: '1' })
})

test('all of a crash goes into one archive, without secrets', async () => {
  const archive = join(project, 'bug.tar.gz')
  const { code, stdout, stderr } = await inProject([
    ...['crash', 'export', 'lkdtm_BUG', '-o', archive],
  ])
  expect({ code, stdout }).toEqual({ code: 0, stdout: `${archive}\n` })
  expect(stderr).toMatch(/taken out: look before you send it/)
  await host.runOk('tar', ['-xzf', archive, '-C', project, '--strip-components=1'])
  const read = (name: string) => readFileSync(join(project, name), 'utf8')
  expect(read('console.log')).toContain('kernel BUG at')
  expect(read('config')).toContain('CONFIG_LKDTM=y')
  expect(read('versions.txt')).toMatch(/^klab \d.*\n.*\nQEMU/)
  expect(read('reproduce.sh')).toContain('--env TOKEN --no-tty')
  expect(read('reproduce.sh')).toContain('values are not kept: TOKEN must be in the environment')
  expect(statSync(archive).mode & 0o077).toBe(0)
  for (const name of ['reproduce.sh', 'README.md', 'crash.json', 'runs.json'])
    expect(read(name)).not.toContain('abcdef123')
  const missing = await inProject(['crash', 'export', 'lkdtm_BUG', '--dump'])
  expect(missing.code).toBe(125)
  expect(missing.stderr).toMatch(/no run of this crash wrote a dump/)
})

test('a crash is not ignored in all projects unless that is asked for', async () => {
  const elsewhere = mkdtempSync(join(tmpdir(), 'klab-elsewhere-'))
  const ignore = (...options: string[]) =>
    klab(['crash', 'ignore', 'lkdtm_WARNING', ...options], { cwd: elsewhere, env })
  const refused = await ignore('--reason', 'on purpose')
  expect(refused).toMatchObject({ code: 2, stdout: '' })
  expect(refused.stderr).toMatch(/^klab: there is no klab\.yaml in .*touch klab\.yaml.*--user\n$/)
  expect(existsSync(join(home, 'config.yaml'))).toBe(false)
  const done = await ignore('--reason', 'on purpose', '--user')
  expect(done).toMatchObject({ code: 0, stderr: '' })
  expect(readFileSync(join(home, 'config.yaml'), 'utf8')).toContain('reason: on purpose')
  expect(await ignore('--undo', '--user')).toMatchObject({ code: 0 })
  // In a project it is the project's.
  writeFileSync(join(elsewhere, 'klab.yaml'), '')
  expect(await ignore('--reason', 'on purpose')).toMatchObject({ code: 0 })
  expect(readFileSync(join(elsewhere, 'klab.yaml'), 'utf8')).toContain('reason: on purpose')
  rmSync(elsewhere, { recursive: true })
})

test('a crash is ignored with a reason, and counts again', async () => {
  const before = readFileSync(join(project, 'klab.yaml'), 'utf8')
  const none = await inProject(['crash', 'ignore', 'lkdtm_WARNING'])
  expect(none).toMatchObject({ code: 2 })
  expect(none.stderr).toContain('--reason')
  const ignored = await inProject(['crash', 'ignore', 'lkdtm_WARNING', '--reason', 'on purpose'])
  expect(ignored).toMatchObject({ code: 0, stderr: '' })
  const yaml = readFileSync(join(project, 'klab.yaml'), 'utf8')
  expect(yaml).toMatch(/^# of this project\n/)
  expect(yaml).toMatch(/# WARNING in lkdtm_WARNING\n +- crash: \w{16}\n +reason: on purpose\n/)
  const listed = await inProject(['crash', 'ls'])
  expect(listed.stdout).not.toContain('lkdtm_WARNING')
  expect(listed.stderr).toContain('1 ignored by the configuration')
  expect((await inProject(['crash', 'ls', '--all'])).stdout).toContain('(ignored: on purpose)')
  expect((await crashing('WARNING')).code).toBe(0)
  await inProject(['crash', 'ignore', 'lkdtm_WARNING', '--undo'])
  expect((await crashing('WARNING')).code).toBe(100)
  expect(readFileSync(join(project, 'klab.yaml'), 'utf8')).toContain(before)
  expect((await inProject(['crash', 'ignore', 'lkdtm_WARNING', '--undo'])).code).toBe(2)
})

test('the value of a variable is kept nowhere (S10), and given again', async () => {
  const value = 'correct-horse-battery'
  const argv = ['sh', '-c', 'echo "$PASS" | md5sum; exit 4']
  const given = ['--env', `PASS=${value}`]
  const first = await inProject(
    ['run', '-q', '--json', '--tree', testTree(), ...given, '--', ...argv],
    'input',
  )
  const { id } = JSON.parse(first.stdout)
  expect(first.code).toBe(4)
  const refused = await inProject(['runs', 'replay', id])
  expect(refused.code).toBe(125)
  expect(refused.stderr).toContain(`run ${id} was given a value for PASS, and klab keeps no values`)
  for (const again of [
    await inProject(['runs', 'replay', id, ...given]),
    await klab(['runs', 'replay', id], { cwd: project, env: { ...env, PASS: value } }),
  ])
    expect(again).toMatchObject({ code: 0, stdout: first.stderr })
  const { exit } = await host.run('grep', ['-ra', value, join(home, 'state'), join(home, 'run')])
  expect(exit).toEqual({ kind: 'exited', code: 1 })
  const { stdout: open } = await host.run('find', [
    ...[join(home, 'state'), join(home, 'run'), '!', '-type', 'l', '-perm', '/077'],
  ])
  expect(open).toBe('')
})

test('values of run.env are in commands of a VM that stays, and in no record of it', async () => {
  const value = 'battery-staple'
  const cwd = mkdtempSync(join(project, 'stays-'))
  const on = (...args: string[]) => klab(args, { cwd, env: { ...env, PASSED: 'on' } })
  writeFileSync(join(cwd, 'klab.yaml'), `run:\n  env: [PASS=${value}, PASSED]\n`)
  await on('trust', '--yes')
  expect(await on('start', '-q', 'stays', '--tree', testTree())).toMatchObject({ code: 0 })
  try {
    const { stdout } = await on('exec', 'stays', '--', 'sh', '-c', 'echo "$PASS $PASSED"')
    expect(stdout).toBe(`${value} on\n`)
    const { stdout: all } = await on('ps', '--json')
    expect(JSON.parse(all)).toMatchObject([{ request: { env: ['PASS', 'PASSED'] } }])
    const places = ['state', 'run'].map((name) => join(home, name))
    const { stdout: found } = await host.run('grep', ['-ral', value, ...places])
    expect(found).toBe('')
  } finally {
    await on('rm', '--force', 'stays')
  }
})

test('a process that was given a value shows it to nobody', async () => {
  const child = startKlab(
    ['run', '-q', '--tree', testTree(), '--env', 'PASS=correct-horse', '--', 'sleep', '60'],
    { cwd: project, env },
  )
  try {
    // QEMU runs: it alone names the sockets of its VM.
    await vi.waitUntil(() => processesNaming(join(home, 'run')).length > 0, { timeout: 60_000 })
    expect(readFileSync(`/proc/${child.pid}/cmdline`, 'latin1')).not.toContain('correct-horse')
  } finally {
    child.kill('SIGTERM')
    await onceOf(child, 'close')
  }
})

test('a run is done again, with its input, and compared', async () => {
  const asRun = ['run', '-q', '--json', '--tree', testTree()]
  const first = await inProject([...asRun, '--', 'sh', '-c', 'cat; exit 3'], 'what it read\n')
  const { id } = JSON.parse(first.stdout)
  const again = await inProject(['runs', 'replay', id])
  expect(again).toMatchObject({ code: 0, stdout: 'what it read\n' })
  expect(again.stderr).toContain(`as run ${id}`)
  const made = join(project, 'once')
  const share = ['--share', `rw:${project}`]
  const other = await inProject([...asRun, ...share, '--', 'mkdir', made])
  const replayed = await inProject(['runs', 'replay', '--json', JSON.parse(other.stdout).id])
  expect(replayed.code).toBe(1)
  expect(JSON.parse(replayed.stdout)).toMatchObject({
    ...{ isSame: false, before: { kind: 'exited', code: 0 } },
    result: { outcome: { kind: 'exited', code: 1 } },
  })
})

test('a run is done again many times, to tell how often it ends so', async () => {
  const argv = ['sh', '-c', 'read line; test "$line" = five && exit 5; exit 6']
  const first = await inProject(
    ['run', '-q', '--json', '--tree', testTree(), '--', ...argv],
    'five',
  )
  const { id } = JSON.parse(first.stdout)
  const again = await inProject(['runs', 'replay', id, '--repeat', '3', '--jobs', '2'])
  expect(again.code).toBe(0)
  expect(again.stderr).toMatch(new RegExp(`^klab: 3 of 3 as run ${id}: exited 5$`, 'm'))
  const counter = join(project, 'counter')
  const varying = `echo . >> ${counter}; test $(wc -l < ${counter}) -lt 3`
  const shared = ['--share', `rw:${project}`]
  const passed = await inProject([
    ...['run', '-q', '--json', '--tree', testTree(), ...shared],
    ...['--', 'sh', '-c', varying],
  ])
  const rest = ['--repeat', '9', '--json', '-q']
  const often = await inProject(['runs', 'replay', JSON.parse(passed.stdout).id, ...rest])
  expect(often.code).toBe(0)
  expect(JSON.parse(often.stdout)).toMatchObject({ asked: 9, runs: 9, same: 1, passed: 1 })
  rmSync(counter)
  const untilSame = [...rest, '--until-same']
  const until = await inProject(['runs', 'replay', JSON.parse(passed.stdout).id, ...untilSame])
  expect(JSON.parse(until.stdout)).toMatchObject({ asked: 9, runs: 1, same: 1 })
})
