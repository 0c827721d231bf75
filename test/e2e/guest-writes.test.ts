import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'

import { testTree } from '../support/kernels.ts'
import { klab } from '../support/klab.ts'
import { TestVms } from '../support/vms.ts'

const dir = mkdtempSync(join(tmpdir(), 'klab-guest-writes-'))
afterAll(() => rmSync(dir, { recursive: true }))

function directory(name: string): string {
  const path = join(dir, name)
  mkdirSync(path)
  return path
}

describe('a hostile guest that is copied from', () => {
  test('writes through no link that it sent before', async () => {
    await using vms = new TestVms()
    const name = await vms.start('cplink')
    const host = directory('host')
    writeFileSync(join(host, 'file'), 'mine\n')
    const here = directory('here')
    const inGuest = async (script: string) =>
      await vms.exec(name, ['sh', '-c', `mkdir -p /tmp/out && cd /tmp/out && ${script}`])
    const copy = async (source: string, target: string) =>
      await klab(['cp', `${name}:/tmp/${source}`, target])

    // The first copy leaves links: to a file, to a directory, one that dangles.
    await inGuest(`ln -s ${host}/file x; ln -s ${host} dir; ln -s ${host}/new fresh`)
    expect((await copy('out', here)).code).toBe(0)
    expect(lstatSync(join(here, 'out/dir')).isSymbolicLink()).toBe(true)
    // The second has files where they are, and in the middle of paths.
    await inGuest(
      'rm x dir fresh && mkdir dir && for f in x fresh dir/file dir/new; do echo evil > $f; done',
    )
    // One file by the name of a link to a directory, too.
    const throughLink = await copy('out/x', join(here, 'out/dir'))
    expect(throughLink).toMatchObject({ code: 2, stderr: expect.stringContaining('is a link') })
    expect((await copy('out', here)).code).toBe(0)

    expect(readFileSync(join(host, 'file'), 'utf8')).toBe('mine\n')
    expect(readdirSync(host)).toEqual(['file'])
    expect(readFileSync(join(here, 'out/dir/file'), 'utf8')).toBe('evil\n')
    expect(readdirSync(here)).toEqual(['out'])
  })
})

describe.each(['9p', 'virtiofs'])('a rw share by %s', (transport) => {
  /** As root in the guest; each line fails or not. */
  const attack = `
    cd /mnt/s
    cp /bin/true suid && chmod 6755 suid
    mkdir sgid && chmod 2775 sgid
    touch theirs && chown 1234:1234 theirs
    setpriv --reuid 1000 --regid 1000 --clear-groups touch by-other
    mknod null c 1 3 2>/dev/null && echo made a device
    mknod disk b 8 0 2>/dev/null && echo made a disk
    perl -e 'use Fcntl; sysopen(F, "born", O_CREAT | O_WRONLY, 04755) and print "born with it\\n"'
    perl -e 'syscall(188, "suid", "security.capability", pack("V5", 0x2000001, -1, 0, 0, 0), 20, 0) == 0 and print "capable\\n"'
    echo more >> before
    chmod 4751 before`

  test('keeps owners, set-ID bits, devices and capabilities of a hostile guest from this machine', async () => {
    await using vms = new TestVms()
    const shared = directory(`priv-${transport}`)
    chmodSync(shared, 0o777)
    const before = join(shared, 'before')
    writeFileSync(before, 'mine\n')
    chmodSync(before, 0o6777)
    const share = ['--share', `rw:${shared}:/mnt/s`, '--transport', transport]
    const name = await vms.start(`priv-${transport}`, ...share)
    const made = await klab(['exec', '--user', 'root', name, '--', 'sh', '-c', attack])
    expect(made).toMatchObject({ stdout: '' })

    const facts = readdirSync(shared)
      .toSorted()
      .map((file) => {
        const { mode, uid, gid } = lstatSync(join(shared, file))
        return [file, (mode & 0o7777).toString(8), uid, gid]
      })
    const [uid, gid] = [process.getuid?.(), process.getgid?.()]
    expect(facts).toEqual([
      ['before', '751', uid, gid],
      ['by-other', '644', uid, gid],
      ['sgid', '775', uid, gid],
      ['suid', '755', uid, gid],
      ['theirs', '644', uid, gid],
    ])
  })

  test('has FIFOs and sockets that work in the guest', async () => {
    await using vms = new TestVms()
    const shared = directory(`fifo-${transport}`)
    const share = ['--share', `rw:${shared}:/mnt/s`, '--transport', transport]
    const name = await vms.start(`fifo-${transport}`, ...share)
    const script = `
      cd /mnt/s && mkfifo -m 640 fifo && { echo through > fifo & cat fifo; }
      perl -MIO::Socket::UNIX -e '$s = IO::Socket::UNIX->new(Local => "sock", Listen => 1) or die;
        IO::Socket::UNIX->new(Peer => "sock") and print "connected\\n"'`
    const { stdout } = await klab(['exec', name, '--', 'sh', '-c', script])
    expect(stdout).toBe('through\nconnected\n')
    expect(lstatSync(join(shared, 'fifo')).mode & 0o7777).toBe(0o640)
  })
})

test('a place for shares that nothing is on shows an empty directory', async () => {
  const shared = directory('only')
  const script =
    'mkdir /tmp/m && mount -t 9p -o trans=virtio,version=9p2000.L klab.share3 /tmp/m && ls -A /tmp/m && echo mounted'
  const result = await klab([
    ...['run', '-q', '--user', 'root', '--tree', testTree(), '--share', `ro:${shared}:/mnt/s`],
    ...['--', 'sh', '-c', script],
  ])
  expect(result).toMatchObject({ code: 0, stdout: 'mounted\n' })
})
