import { expect, test } from 'vitest'

import { virtiofsdCommand } from './virtiofsd.ts'

const served = {
  daemon: '/usr/libexec/virtiofsd',
  dir: '/srv',
  socket: '/run/s',
  cached: true,
  readOnly: true,
  isRust: true,
}

test.each([
  ['root changes its root directory', 0, true, 'source=/srv,cache=always,sandbox=chroot,xattr'],
  [
    'an ordinary user, whom the Rust daemon refuses that, has namespaces',
    ...([1000, true, 'source=/srv,cache=always,sandbox=namespace,xattr'] as const),
  ],
  [
    'what the host changes is looked at where it has to be seen',
    ...([1000, false, 'source=/srv,cache=auto,sandbox=namespace,xattr'] as const),
  ],
])('virtiofsd: %s', (...[, uid, cached, options]) => {
  expect(virtiofsdCommand({ ...served, uid, cached })).toEqual([
    ...['/usr/libexec/virtiofsd', '--socket-path=/run/s', '-o', options, '--no-announce-submounts'],
  ])
})

test('a daemon that writes asks for no capability that the launcher takes', () => {
  const c = { ...served, uid: 0, readOnly: false, isRust: false }
  expect(virtiofsdCommand(c).at(-1)).toMatch(/,xattr,modcaps=-fsetid:-setfcap:-mknod$/)
})
