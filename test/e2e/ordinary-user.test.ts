import { chownSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { testTree } from '../support/kernels.ts'
import { klab } from '../support/klab.ts'
import { OrdinaryUser } from '../support/ordinary-user.ts'
import { needRustVirtiofsd } from '../support/virtiofsd.ts'
import { TestVms } from '../support/vms.ts'

let user: OrdinaryUser
beforeAll(async () => (user = await OrdinaryUser.make()))
afterAll(async () => await user[Symbol.asyncDispose]())

/** A directory of the user's that a guest is given to write to. */
function shared(name: string): string {
  const path = join(user.home, name)
  mkdirSync(path)
  if (process.getuid?.() === 0) chownSync(path, user.uid, user.uid)
  return path
}

/** What a guest may make there, and what it may only try. */
const WRITES = `
  cd /mnt/s && echo made > file && mkfifo fifo && mkdir dir && ls
  { cp /bin/true suid && chmod 6755 suid; chown 0:0 file; mknod disk b 8 0; } 2>/dev/null
  cat /etc/hostname > /dev/null && id -u`

/** Names, modes and owners of what is in a directory of this machine. */
const factsOf = (dir: string) =>
  readdirSync(dir)
    .toSorted()
    .map((name) => {
      const { mode, uid } = lstatSync(join(dir, name))
      return `${name} ${(mode & 0o7777).toString(8)} ${uid}`
    })

describe('a user who is not root', () => {
  test('can run, and sees where he works', async () => {
    const guest = `id -u; ls -d ${user.clone}/klab; exit 4`
    const args = ['run', '-q', '--kernel', user.kernel, '--', 'sh', '-c', guest]
    const stdout = `${user.uid}\n${user.clone}/klab\n`
    expect(await user.klab(args)).toEqual({ code: 4, stdout, stderr: '' })
    expect(readFileSync(join(user.clone, 'package.json'), 'utf8')).toContain('klab')
  })

  test.for(['9p', 'virtiofs'])(
    'has a VM that stays, by %s, with a share in which his guest makes plain files of his',
    async (transport, context) => {
      const daemon = transport === 'virtiofs' ? needRustVirtiofsd(context) : 'virtiofsd'
      const dir = shared(`rw-${transport}`)
      const env = { KLAB_VIRTIOFSD: daemon }
      const more = ['--share', `rw:${dir}:/mnt/s`, '--transport', transport]
      const name = `by-${transport}`
      const started = await user.klab(['start', '-q', name, '--kernel', user.kernel, ...more], env)
      expect(started).toMatchObject({ code: 0, stderr: '' })
      const wrote = await user.klab(['exec', name, '--', 'sh', '-c', WRITES])
      expect(wrote).toEqual({ code: 0, stdout: `dir\nfifo\nfile\n${user.uid}\n`, stderr: '' })
      expect(factsOf(dir)).toEqual([
        `dir 755 ${user.uid}`,
        `fifo 644 ${user.uid}`,
        `file 644 ${user.uid}`,
        `suid 755 ${user.uid}`,
      ])
      const copied = await user.klab(['cp', `${name}:/mnt/s/file`, join(user.home, transport)])
      expect(copied.code).toBe(0)
      expect(readFileSync(join(user.home, transport), 'utf8')).toBe('made\n')
      expect(await user.klab(['stop', name])).toMatchObject({ code: 0 })
      expect(await user.klab(['rm', name])).toMatchObject({ code: 0 })
    },
  )

  const C_VIRTIOFSD = '/usr/lib/qemu/virtiofsd'
  test('is told when there is only a virtiofsd that needs root', async ({ skip }) => {
    skip(!existsSync(C_VIRTIOFSD), `there is no ${C_VIRTIOFSD} here: QEMU 8 has none`)
    const env = { KLAB_VIRTIOFSD: C_VIRTIOFSD }
    const args = ['run', '-q', '--kernel', user.kernel, '--transport', 'virtiofs', '--', 'true']
    const refused = await user.klab(args, env)
    expect(refused).toEqual({
      ...{ code: 125, stdout: '' },
      stderr:
        'klab: virtiofs was asked for, and there is no virtiofsd here that this user can run; install it (klab doctor) or use --transport 9p\n',
    })
    const { stdout } = await user.klab(['doctor'], env)
    expect(stdout).toMatch(
      new RegExp(`virtiofsd +${C_VIRTIOFSD} needs root\\n.*\\n.*the Rust virtiofsd`),
    )
  })
})

test('the Rust virtiofsd serves whoever runs the tests as well', async (context) => {
  const env = { KLAB_VIRTIOFSD: needRustVirtiofsd(context) }
  await using vms = new TestVms()
  const [dir, name] = [shared('rust'), vms.name('rust')]
  const args = ['start', '-q', name, '--tree', testTree(), '--share', `rw:${dir}:/mnt/s`]
  const started = await klab([...args, '--transport', 'virtiofs'], { env })
  expect(started).toMatchObject({ code: 0, stderr: '' })
  const wrote = await vms.exec(name, ['sh', '-c', WRITES])
  const uid = process.getuid?.()
  expect(wrote).toMatchObject({ code: 0, stdout: `dir\nfifo\nfile\n${uid}\n` })
  expect(factsOf(dir)).toEqual([
    `dir 755 ${uid}`,
    `fifo 644 ${uid}`,
    `file 644 ${uid}`,
    `suid 755 ${uid}`,
  ])
})
