import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'

import { run } from '../src/host/index.ts'
import { klab, PROGRAM } from './support/klab.ts'

const dir = mkdtempSync(join(tmpdir(), 'klab-cli-'))
const env = { KLAB_HOME: join(dir, 'home') }
const at = (cwd: string, ...args: string[]) => klab(args, { cwd, env })

afterAll(() => rmSync(dir, { recursive: true, force: true }))

describe('klab alone', () => {
  test('tells a newcomer what it is and how to begin, which is no error', async () => {
    const { code, stdout, stderr } = await at(dir)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^klab builds a Linux kernel, boots it/)
    expect(stdout).toMatch(/klab run --kernel \S+/)
    expect(stdout).toContain('docs/getting-started.md')
  })

  test('names the tree in which one stands', async () => {
    const tree = join(dir, 'linux')
    for (const part of ['init', 'scripts/kconfig', 'kernel'])
      mkdirSync(join(tree, part), { recursive: true })
    writeFileSync(join(tree, 'Makefile'), 'VERSION = 6\nPATCHLEVEL = 1\n')
    for (const file of ['Kconfig', 'init/main.c']) writeFileSync(join(tree, file), '')
    const { stdout } = await at(join(tree, 'kernel'))
    expect(stdout).toMatch(/^ {2}klab run {2,}a shell on the kernel of .*\/linux, in a fresh VM$/m)
  })

  test('begins with what is missing', async () => {
    const { code, stdout } = await klab([], { cwd: dir, env: { ...env, KLAB_QEMU: '/no/qemu' } })
    expect(code).toBe(0)
    expect(stdout).toMatch(/To begin:\n {2}klab doctor --fix +there is no \/no\/qemu here/)
  })

  test('begins with the configuration when that cannot be used', async () => {
    const { code, stdout } = await klab([], { cwd: dir, env: { ...env, KLAB_MACHINE_CPU: '2' } })
    expect(code).toBe(0)
    expect(stdout).toMatch(/klab config validate +.*KLAB_MACHINE_CPU is not a setting/)
  })
})

test('klab --help | head -1 is no stack trace', async () => {
  const script = '"$1" crash --help | head -n 1; echo "${PIPESTATUS[0]}"'
  const { stdout, stderr } = await run('bash', ['-c', script, 'bash', PROGRAM])
  expect({ stdout, stderr }).toEqual({
    stdout: 'Usage: klab crash [options] [command]\n0\n',
    stderr: '',
  })
})

describe('klab --help', () => {
  test('has every command on one line of a small terminal, by what it is for', async () => {
    const { stdout } = await at(dir, '--help')
    const lines = stdout.split('\n').filter((line) => !line.includes('Documentation: '))
    expect(lines.filter((line) => line.length > 80)).toEqual([])
    const groups = lines.filter((line) => /^[A-Z].*:$/.test(line) && line !== 'Examples:')
    expect(groups).toEqual([
      ...['Options:', 'One run:', 'VMs that stay:', 'Kernels:'],
      ...['What happened:', 'Inside a kernel:', 'This machine:'],
    ])
    // A command whose summary is too long goes on in the next line.
    expect(lines.filter((line) => /^ {12,}\S/.test(line))).toEqual([])
    expect(stdout).not.toMatch(/ssh-proxy|keep/)
  })

  test('of a command groups its options, and shows no empty defaults', async () => {
    const { stdout } = await at(dir, 'run', '--help')
    const groups = stdout.match(/^[A-Z][\w ]+:$/gm)
    expect(groups).toEqual([
      ...['Arguments:', 'Kernel:', 'Machine:', 'Limits:', 'Command:', 'What counts:'],
      ...['How often:', 'Output:', 'Options:', 'Examples:'],
    ])
    expect(stdout).not.toContain('[]')
  })
})

test('klab status --help tells what its exit codes mean', async () => {
  const { stdout } = await at(dir, 'status', '--help')
  expect(stdout).toMatch(/^Exit codes: 0 it runs, or is paused; 3 it is stopped/m)
})

describe('wrong usage', () => {
  test.each([
    [['stopp'], /^klab: unknown command 'stopp'\n\(Did you mean stop\?\)/],
    [['constructor'], /^klab: unknown command 'constructor'/],
    [['stop'], /^klab: missing required argument 'vm'/],
    [['run', '--net', 'none', '--net', 'user'], /^klab: --net none does not go with user/],
    [['run', '--fersh'], /^klab: unknown option '--fersh'\n\(Did you mean --fresh\?\)/],
  ])('%j is one sentence and exit code 2', async (args, sentence) => {
    const { code, stdout, stderr } = await at(dir, ...args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(sentence)
  })
})

test.each([
  [['run', '--kernel', 'x', '--grace', 'soon', '--', 'true'], '--grace soon'],
  [['exec', '--timeout', '5 x', 'box', '--', 'true'], '--timeout 5 x'],
  [['exec', '--idle-timeout', '', 'box', '--', 'true'], '--idle-timeout '],
])('a time that is none is told in the same words everywhere: klab %j', async (args, flag) => {
  const { code, stderr } = await at(dir, ...args)
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: `klab: ${flag} is not a duration such as 100ms, 90s or 5m\n`,
  })
})
