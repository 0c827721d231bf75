import { expect, test } from 'vitest'

import { parseMounts } from './mounts.ts'
import { hiddenBy, sievesOf, withMounts } from './rules.ts'

const rules = {
  hide: ['/proc', '/sys', '/dev', '/run', '/home', '/home/me/.ssh', '/etc/shadow'],
  show: ['/home/me'],
}

const mounts = parseMounts(
  [
    '22 27 0:21 / /proc rw,relatime - proc proc rw',
    '27 1 254:0 / / rw,relatime - ext4 /dev/vda rw',
    '30 27 0:30 / /run rw shared:3 - tmpfs tmpfs rw',
    // Of the kernel, mounted a second time, and a container's whole root.
    '40 27 0:21 / /srv/my\\040proc rw - proc proc rw',
    '41 27 0:30 /user /srv/run-user rw shared:3 - tmpfs tmpfs rw',
    '42 27 0:5 / /srv/dev rw - devtmpfs udev rw',
    '43 27 254:0 / /mnt/again rw - ext4 /dev/vda rw',
    '44 27 254:0 /home/me /srv/me rw - ext4 /dev/vda rw',
    '45 27 254:0 /home/other/deep /srv/other rw - ext4 /dev/vda rw',
    '46 27 254:0 /home/me/.ssh /srv/keys rw - ext4 /dev/vda rw',
    '47 27 254:0 /home/me/src /srv/src rw - ext4 /dev/vda rw',
    // An automounter, with what it has mounted.
    '50 27 0:50 / /net rw - autofs systemd-1 rw',
    '51 50 0:51 / /net/disk rw - nfs4 server:/disk rw',
    '52 27 0:52 / /mnt/vault rw - fuse.gocryptfs gocryptfs rw',
    '53 27 8:1 / /data rw - xfs /dev/sda1 rw',
  ].join('\n'),
)

test.each([
  ['/srv/my proc/1/environ', true],
  ['/srv/run-user/0', true],
  ['/srv/dev/mem', true],
  ['/mnt/again/usr', false],
  ['/mnt/again/etc/shadow', true],
  ['/mnt/again/home/other', true],
  ['/mnt/again/home/me/src', false],
  ['/mnt/again/home/me/.ssh/id_rsa', true],
  ['/srv/me/src', false],
  ['/srv/me/.ssh', true],
  ['/srv/other/x', true],
  ['/srv/keys/id_rsa', true],
  ['/srv/src/linux', false],
  ['/net/elsewhere', true],
  ['/net/disk/linux', false],
  ['/mnt/vault/passwords', true],
  ['/data/linux', false],
])('with mounts, is %s hidden: %s', (path, expected) => {
  expect(hiddenBy(withMounts(rules, mounts))(path)).toBe(expected)
})

test('a writable share is a sieve where something is hidden, or will be, and nowhere else', () => {
  const hide = ['/p/.env', '/q/a/key', '/q/a/deep/key', '/q/b/not/there/yet', '/r']
  const there = (path: string) => ['/p', '/q', '/q/a', '/q/a/deep', '/q/b'].includes(path)
  const sieves = (share: string) => sievesOf({ hide, show: [] }, share, there)
  expect(sieves('/p')).toEqual(['/p'])
  expect(sieves('/q')).toEqual(['/q/a', '/q/b'])
  expect(sieves('/q/c')).toEqual([])
  expect(sieves('/r')).toEqual([])
})
