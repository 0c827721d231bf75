import { expect, test } from 'vitest'

import { run } from '../../host/index.ts'

/** Runs a few lines with our streams as klab has them, in a terminal where `isTerminal`. */
async function printed(code: string, { isTerminal = false } = {}) {
  const script = `
    const { err, out } = await import('${import.meta.resolve('./print.ts')}')
    const { Status } = await import('${import.meta.resolve('./status.ts')}')
    ${code}`
  const argv = [process.execPath, '--input-type=module', '-e', script]
  const words = argv.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')
  return isTerminal
    ? await run('script', ['-q', '-e', '-c', words, '/dev/null'])
    : await run(argv[0] ?? '', argv.slice(1))
}

test('what is no text of ours is one visible line', async () => {
  const { stdout, stderr } = await printed(
    String.raw`out.line('a\n\x1b[2Jb'); err.line('c\nd'); out.json({ a: '\x9b' }); out.jsonLine(['\u2028'])`,
  )
  expect(stdout).toBe(String.raw`a\n\x1b[2Jb` + '\n{\n  "a": "\\u009b"\n}\n["\\u2028"]\n')
  expect(stderr).toBe(String.raw`c\nd` + '\n')
})

const RECORD = String.raw`await out.recorded(['a\r', '\n\x1b[2', 'Jb\xc2', '\x9bc\r', '\r\nd\r']
  .map((text) => Buffer.from(text, 'latin1')))`

test('a record is bytes for a pipe, and visible on a terminal however it was cut', async () => {
  expect((await printed(RECORD)).stdout).toBe('a\r\n\u001b[2Jb\u009bc\r\r\nd\r')
  const { stdout } = await printed(RECORD, { isTerminal: true })
  expect(stdout).toBe('a\r\n' + String.raw`\x1b[2Jb\x9bc` + '\r\n' + String.raw`d\r`)
})

test('a guest that causes notes without end causes a hundred lines', async () => {
  const { stderr } = await printed(`
    const status = new Status({ quiet: false, verbose: false })
    for (let n = 0; n < 12_000; n++) status.handle({ kind: 'note', message: 'note ' + n })
    status.handle({ kind: 'waiting', why: 'no room' })`)
  expect(stderr.split('\n').slice(-4)).toEqual([
    ...['klab: note 99', 'klab: further notes are not shown', 'klab: no room', ''],
  ])
})

test('a guest that does not boot is quoted, and not obeyed', async () => {
  const { stderr } = await printed(String.raw`
    const status = new Status({ quiet: false, verbose: false })
    const outcome = { kind: 'boot-failed', phase: 'kernel', reason: '\x1b[2J', lastLines: ['\x9b\nklab: no'] }
    status.handle({ kind: 'outcome', outcome, durationMs: 1 })
    const { printError } = await import('${import.meta.resolve('./errors.ts')}')
    const { InfraError } = await import('${import.meta.resolve('../../base/index.ts')}')
    printError(new InfraError('X', 'a\nb', { details: Array.from({ length: 300 }, () => '\x1b\n') }))
    printError(Object.assign(new Error('open \x1b'), { code: 'EACCES', path: '\x1b' }))
    printError(new Error('\x1b[2J'))`)
  const lines = stderr.split('\n')
  expect(lines.slice(0, 4)).toEqual([
    String.raw`klab: boot failed (kernel): \x1b[2J (1ms)`,
    String.raw`klab:   | \x9b\nklab: no`,
    String.raw`klab: a\nb`,
    String.raw`  \x1b\n`,
  ])
  expect(lines.slice(102, 105)).toEqual([
    String.raw`  \x1b\n`,
    '  … and 200 more',
    String.raw`klab: open \x1b`,
  ])
  expect(lines.slice(105)).toEqual([
    expect.stringContaining(String.raw`klab: this is a bug in klab: Error: \x1b[2J (`),
    '',
  ])
})
