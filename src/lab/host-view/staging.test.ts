import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, expect, test } from 'vitest'

import { placeOf } from '../vms/copy-out.ts'
import { stageFor } from './staging.ts'

const root = mkdtempSync(join(tmpdir(), 'klab-staging-'))
afterAll(() => rmSync(root, { recursive: true }))

let into = ''
const paths = { cache: root, state: join(root, 'state') }
/** A file outside of the place, for links to lead to. */
const host = join(root, 'host')
beforeEach(() => {
  into = mkdtempSync(join(root, 'into-'))
  mkdirSync(host, { recursive: true })
  writeFileSync(join(host, 'file'), 'mine')
})

const shell = (script: string, cwd: string) => execFileSync('sh', ['-c', script], { cwd })
const text = (...path: string[]) => readFileSync(join(into, ...path), 'utf8')

/** What the script makes is sent by a guest. */
async function send(script: string): Promise<void> {
  await using staging = await stageFor(into, paths)
  shell(script, staging.dir)
  await staging.settle()
}

test('what is sent joins what is there, and nothing is left behind', async () => {
  shell('mkdir -p out/deep && echo old > out/deep/a && echo kept > out/deep/b', into)
  await send('mkdir -p out/deep out/new && echo sent > out/deep/a && echo n > out/new/n')
  expect([text('out/deep/a'), text('out/deep/b'), text('out/new/n')]).toEqual([
    'sent\n',
    'kept\n',
    'n\n',
  ])
  expect(readdirSync(into)).toEqual(['out'])
})

test('a link that is there is replaced and not written through, at the end of a path and in the middle', async () => {
  mkdirSync(join(into, 'out'))
  symlinkSync(join(host, 'file'), join(into, 'out/x'))
  symlinkSync(host, join(into, 'out/dir'))
  symlinkSync(host, join(into, 'top'))
  await send('mkdir -p out/dir top; for f in out/x out/dir/file top/file; do echo evil > $f; done')
  expect(readFileSync(join(host, 'file'), 'utf8')).toBe('mine')
  expect(readdirSync(host)).toEqual(['file'])
  expect([text('out/x'), text('out/dir/file'), text('top/file')]).toEqual(Array(3).fill('evil\n'))
})

test('a FIFO that is there is replaced, and links are data', async () => {
  shell('mkfifo pipe', into)
  await send('echo sent > pipe; ln -s /etc/passwd link')
  expect(text('pipe')).toBe('sent\n')
  expect(readlinkSync(join(into, 'link'))).toBe('/etc/passwd')
})

test('no set-ID bit and no device comes through, in directories that nobody may enter either', async () => {
  await send(
    'mkdir -p d/closed; echo x > d/closed/suid; chmod 6755 d/closed/suid; chmod 2000 d/closed',
  )
  expect(lstatSync(join(into, 'd/closed')).mode & 0o7777).toBe(0)
  chmodSync(join(into, 'd/closed'), 0o700)
  expect(lstatSync(join(into, 'd/closed/suid')).mode & 0o7777).toBe(0o755)
})

test.runIf(process.getuid?.() === 0)('devices are taken out', async () => {
  await send('mkdir d; mknod d/null c 1 3; mknod d/disk b 8 0; mkfifo d/pipe')
  expect(readdirSync(join(into, 'd'))).toEqual(['pipe'])
})

test.each([
  [
    'mkdir -p d/x/y',
    'mkdir -p d; echo mine > d/x',
    'd/x: a directory in the guest, and a file here',
  ],
  [
    'mkdir -p d; echo evil > d/x',
    'mkdir -p d/x; echo mine > d/x/f',
    'd/x: a file in the guest, and a directory here',
  ],
])('%s over %s is refused before anything is moved', async (sent, there, why) => {
  shell(there, into)
  await expect(send(`echo new > a; ${sent}`)).rejects.toThrow(why)
  expect(existsSync(join(into, 'a'))).toBe(false)
  expect(readdirSync(into)).toEqual(['d'])
})

test(
  'what is not settled is taken away, however deep and closed it is',
  { timeout: 30_000 },
  async () => {
    {
      await using staging = await stageFor(into, paths)
      shell(
        "p=$(printf 'd/%.0s' $(seq 600)); mkdir -p $p; cd -P $p; mkdir -p $p; chmod 0 .",
        staging.dir,
      )
      shell('mkdir -p e/f; touch e/f/g; chmod 0 e/f e', staging.dir)
    }
    expect(readdirSync(into)).toEqual([])
  },
)

test('a place whose last part is a link is not followed, unless a slash says so', () => {
  symlinkSync(host, join(into, 'link'))
  expect(() => placeOf(join(into, 'link'), 'x')).toThrow('is a link')
  expect(placeOf(`${into}/link/`, 'x')).toEqual([`${into}/link/`, 'x'])
  expect(placeOf(into, 'x')).toEqual([into, 'x'])
  expect(placeOf(join(into, 'new'), 'x')).toEqual([into, 'new'])
})
