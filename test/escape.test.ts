import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test, vi } from 'vitest'

import { run } from '../src/host/index.ts'
import { printError } from '../src/cli/render/errors.ts'
import { PROGRAM } from './support/klab.ts'

const home = mkdtempSync(join(tmpdir(), 'klab-escape-'))
afterAll(() => rmSync(home, { recursive: true }))

const env = { ...process.env, KLAB_HOME: home }

test.each(['runs --json', 'completion bash', '--help'])(
  'klab %s into a full disk ends with one sentence and 125, which git bisect skips on',
  async (args) => {
    const { exit, stderr } = await run('sh', ['-c', `'${PROGRAM}' ${args} >/dev/full`], { env })
    expect(exit).toEqual({ kind: 'exited', code: 125 })
    expect(stderr).toMatch(/^klab: cannot write to standard output: ENOSPC.*\n$/)
  },
)

/** What is printed of an error, and the code. */
function printed(error: unknown): { code: number; lines: string[] } {
  const lines: string[] = []
  const spy = vi.spyOn(console, 'error').mockImplementation((line: string) => void lines.push(line))
  const code = printError(error)
  spy.mockRestore()
  return { code, lines }
}

function systemError(code: string, facts: object): Error {
  return Object.assign(new Error(`${code}: what strerror says`), { code, ...facts })
}

test.each([
  ['a bug', new TypeError('x is\nno function'), /^klab: this is a bug in klab: TypeError: x is no/],
  ['no error at all', 'words', /^klab: this is a bug in klab: words \(from nowhere\); please/],
  ['a full disk', systemError('ENOSPC', { path: '/a/b' }), /^klab: no space is left .* of \/a\/b;/],
  ['a limit on files', systemError('EFBIG', { syscall: 'write' }), /ulimit -f tells the limit$/],
  ['a quota', systemError('EDQUOT', { syscall: 'write' }), /^klab: the disk quota is used up;/],
  ['too many files', systemError('EMFILE', { syscall: 'open' }), /ulimit -n tells the limit/],
  ['a directory', systemError('EISDIR', { syscall: 'read' }), /^klab: EISDIR: what strerror says$/],
])('%s that escapes is one line, and 125', (_what, error, sentence) => {
  const { code, lines } = printed(error)
  expect(code).toBe(125)
  expect(lines).toEqual([expect.stringMatching(sentence)])
  expect(lines[0]).not.toContain('\n')
})
