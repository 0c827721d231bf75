import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'

import { FormatError } from '../base/index.ts'
import { withFileBytes } from './file-bytes.ts'
import { readOutside, streamOutside } from './outside-file.ts'

const dir = mkdtempSync(join(tmpdir(), 'klab-outside-'))
afterAll(() => rmSync(dir, { recursive: true }))
const at = (name: string) => join(dir, name)

execFileSync('mkfifo', [at('pipe')])
symlinkSync('loop', at('loop'))
symlinkSync('pipe', at('link'))
const server = createServer().listen(at('socket'))
await once(server, 'listening')
afterAll(() => server.close())

test.each([
  ['a directory', dir, 'it is a directory, and no regular file'],
  ['a pipe', at('pipe'), 'it is a pipe, and no regular file'],
  ['a link to a pipe', at('link'), 'it is a pipe, and no regular file'],
  ['a socket', at('socket'), 'it is a socket, and no regular file'],
  ['a device', '/dev/zero', 'it is a device, and no regular file'],
  ['nothing', at('absent'), 'there is no such file'],
  ['below a file', '/etc/passwd/x', 'there is no such file'],
  ['a link to itself', at('loop'), 'it is a link that leads to itself'],
])('what is no file is refused by its kind: %s', async (_what, path, why) => {
  const refusal = new FormatError(why)
  expect(() => readOutside(path, 10)).toThrow(refusal)
  expect(() => withFileBytes(path, () => 0)).toThrow(refusal)
  await expect(streamOutside(path)).rejects.toThrow(refusal)
})

test('a file of as much as is allowed is read, and none of more, whatever it says of its size', () => {
  writeFileSync(at('ten'), '0123456789')
  expect(readOutside(at('ten'), 10).toString()).toBe('0123456789')
  expect(() => readOutside(at('ten'), 9)).toThrow('it has more than 9 B')
  writeFileSync(at('empty'), '')
  expect(readOutside(at('empty'), 0)).toHaveLength(0)
  // It has no block, and a size.
  truncateSync(at('empty'), 2 ** 40)
  expect(() => readOutside(at('empty'), 2 ** 20)).toThrow('it has more than 1.0 MiB')
  // Of these the size is 0.
  expect(readOutside('/proc/self/stat', 4096).toString()).toMatch(/^\d+ \(/)
  expect(() => readOutside('/proc/self/maps', 100)).toThrow('it has more than 100 B')
})

test('a pipe that was opened for us is one that is meant', () => {
  const script = `
    const { streamOutside } = await import(${JSON.stringify(join(import.meta.dirname, 'outside-file.ts'))})
    for await (const chunk of (await streamOutside('/dev/fd/3')).createReadStream()) process.stdout.write(chunk)`
  const said = execFileSync('bash', [
    '-c',
    '"$0" --input-type=module -e "$1" 3< <(echo yes)',
    process.execPath,
    script,
  ])
  expect(said.toString()).toBe('yes\n')
})
