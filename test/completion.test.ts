import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { findProgram, run } from '../src/host/index.ts'
import { PROGRAM } from './support/klab.ts'

const dir = mkdtempSync(join(tmpdir(), 'klab-completion-'))
const home = join(dir, 'home')
const bin = join(dir, 'bin')
const env = { ...process.env, KLAB_HOME: home, PATH: `${bin}:${process.env['PATH']}` }

beforeAll(() => {
  mkdirSync(bin)
  symlinkSync(PROGRAM, join(bin, 'klab'))
  for (const name of ['box', 'box-b', 'fuzz']) addVm(name, '6.1.0')
  // A release comes from a package, and a package from anybody.
  addVm('sly', '\u001b]0;owned\u0007\n6.1')
  mkdirSync(join(dir, 'cwd'))
  writeFileSync(join(dir, 'cwd', 'my dump'), '')
  writeFileSync(join(dir, 'cwd', 'klab.yaml'), 'machines:\n  small: {cpus: 1}\n')
})

afterAll(() => rmSync(dir, { recursive: true, force: true }))

/** Stopped, as the registry writes it. */
function addVm(name: string, release: string): void {
  const vms = join(home, 'state', 'vms')
  mkdirSync(join(vms, `id-${name}`), { recursive: true })
  mkdirSync(join(vms, 'by-name'), { recursive: true })
  const record = {
    ...{ id: `id-${name}`, createdAt: '2026-01-01T00:00:00.000Z', request: { name } },
    ...{ state: 'stopped', release, kernel: 'k', runId: 'r' },
  }
  writeFileSync(join(vms, `id-${name}`, 'vm.json'), JSON.stringify(record))
  symlinkSync(join('..', `id-${name}`), join(vms, 'by-name', name))
}

/** What Tab offers in bash at the end of a line: its words as bash parts them, and the script's function called as bash would. */
async function tab(line: string): Promise<string[]> {
  const parts: readonly string[] = line.match(/[:=]|[^\s:=]+/g) ?? []
  const words = /\s$/.test(line) ? [...parts, ''] : parts
  const script = `
    source <(klab completion bash)
    COMP_LINE=$1; COMP_POINT=\${#1}; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
    $(complete -p klab | sed 's/.*-F \\([^ ]*\\) .*/\\1/')
    ((\${#COMPREPLY[@]} == 0)) || printf '%s\\n' "\${COMPREPLY[@]}"`
  const { stdout, stderr } = await run('bash', ['-c', script, 'bash', line, ...words], {
    ...{ cwd: join(dir, 'cwd'), env },
  })
  expect(stderr).toBe('')
  return stdout.split('\n').slice(0, -1)
}

describe('Tab in bash', () => {
  test.each([
    ['klab sta', ['start', 'status', 'stats']],
    ['klab run --fre', ['--fresh']],
    ['klab run --fresh --fre', []],
    ['klab stop b', ['box', 'box-b']],
    ['klab stop box fu', ['fuzz']],
    ['klab start ', ['box', 'box-b', 'fuzz', 'sly', 'small']],
    ['klab run --machine ', ['small']],
    ['klab run --accel ', ['auto', 'kvm', 'tcg']],
    // bash takes what is before the equal sign or colon for a word of its own.
    ['klab run --net=us', ['user']],
    ['klab run --net br', ['bridge=']],
    ['klab runs --outcome boot', ['boot-failed']],
    ['klab crash sh', ['show']],
    ['klab help cras', ['crash']],
    ['klab kernel ', ['ls', 'show', 'rm', 'clean', 'help']],
    ['klab build --profile m', ['minimal']],
    ['klab config get machines.small.mem', ['machines.small.memory']],
    ['klab completion ', ['bash', 'zsh', 'fish']],
    ['klab cp f', ['fuzz:']],
    ['klab cp box:/us', ['/usr']],
    ['klab inspect my', ['my dump']],
    ['klab run --tree /us', ['/usr']],
    ['klab exec box -- unam', ['uname']],
    ['klab no-such-command ', []],
    ['klab rename box ', []],
  ])('%j offers %j', async (line, words) => {
    expect(new Set(await tab(line))).toEqual(new Set(words))
  })
})

/** klab as the scripts ask it. */
const complete = (words: readonly string[], more: NodeJS.ProcessEnv = {}) =>
  run('klab', ['complete', '--', ...words], {
    ...{ cwd: join(dir, 'cwd'), env: { ...env, ...more } },
  })

describe('what the shells ask', () => {
  test('says in what the names differ, and lets no escape sequence through', async () => {
    const { stdout } = await complete(['stop', 's'])
    expect(stdout).toBe('none\nsly\tstopped, \\x1b]0;owned\\x07\\n6.1\n')
  })

  test('is silent when the configuration cannot be used', async () => {
    const { exit, stdout, stderr } = await complete(['stop', ''], { KLAB_NO_SUCH: '1' })
    expect({ exit, stdout, stderr }).toEqual({
      ...{ exit: { kind: 'exited', code: 0 }, stdout: 'none\n', stderr: '' },
    })
  })

  test('is silent where nothing can be written', async () => {
    const { stdout, stderr } = await complete(['stop', ''], { KLAB_HOME: '/dev/null/klab' })
    expect({ stdout, stderr }).toEqual({ stdout: 'none\n', stderr: '' })
  })
})

describe.each(['bash', 'zsh', 'fish'])('the script for %s', (shell) => {
  test.skipIf(findProgram(shell, process.env['PATH']) === undefined)('is one', async () => {
    const { stdout } = await run('klab', ['completion', shell], { env })
    const script = join(dir, `script.${shell}`)
    writeFileSync(script, stdout)
    const { exit, stderr } = await run(shell, ['-n', script], { env })
    expect({ exit, stderr }).toEqual({ exit: { kind: 'exited', code: 0 }, stderr: '' })
  })
})
