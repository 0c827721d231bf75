import { expect, test } from 'vitest'

import { sshConfig } from './ssh-config.ts'

const parts = { proxy: '/opt/klab ssh-proxy', key: '/k/id', knownHosts: '/k/100%/known' }

test('each VM has its name written out, so that no host name reaches a shell', () => {
  const text = sshConfig(['a', 'b.c'], parts)
  expect(text).toContain('Host klab-a\n  ProxyCommand /opt/klab ssh-proxy a\n')
  expect(text).toContain('Host klab-b.c\n  ProxyCommand /opt/klab ssh-proxy b.c\n')
  expect(text).not.toMatch(/%[hn]/)
})

test('host keys are checked, against our own list', () => {
  const text = sshConfig(['a'], parts)
  expect(text).toContain('StrictHostKeyChecking yes')
  expect(text).toContain('UserKnownHostsFile "/k/100%%/known"')
})

test.each([
  { key: '/k/\n  ProxyCommand touch /tmp/owned' },
  { key: '/k/"\u001b' },
  { knownHosts: '/k" /etc/hosts "' },
])('a path that would be more than one value is refused: %j', (part) => {
  expect(() => sshConfig(['a'], { ...parts, ...part })).toThrow(
    / cannot be written into a configuration of ssh/,
  )
})
