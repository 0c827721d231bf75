import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, expect, test } from 'vitest'

import { guestRules, type Owner } from './guest-rules.ts'
import { hiddenBy } from './rules.ts'

// realpath: the directory for temporary files may itself be a link.
const root = realpathSync(mkdtempSync(join(tmpdir(), 'klab-homes-')))
afterAll(() => rmSync(root, { recursive: true }))

const at = (...path: string[]) => join(root, ...path)
const file = (...path: string[]) => {
  mkdirSync(dirname(at(...path)), { recursive: true })
  writeFileSync(at(...path), 'secret')
}

file('homes', 'me', 'linux', 'Makefile')
file('homes', 'me', '.ssh', 'id_rsa')
file('homes', 'other', 'linux', 'Makefile')
file('homes', 'ldap', 'linux', 'Makefile')
// On a volume of its own, as people keep them.
file('vault', 'aws', 'credentials')
symlinkSync(at('vault', 'aws'), at('homes', 'me', '.aws'))
symlinkSync('nowhere', at('homes', 'me', '.netrc'))
file('far', 'linux', 'Makefile')
file('mail', 'box')

const passwd = [
  `me:x:1000:1000::${at('homes/me')}:/bin/sh`,
  `other:x:1001:1001::${at('homes/other')}:/bin/sh`,
  `far:x:1002:1002::${at('far')}:/bin/sh`,
  // No person, nobody, a home that is / and one that ours lies in.
  `mail:x:8:8::${at('mail')}:/usr/sbin/nologin`,
  `nobody:x:65534:65534::${at('vault')}:/usr/sbin/nologin`,
  'toor:x:0:0::/:/bin/sh',
  `above:x:1003:1003::${root}:/bin/sh`,
].join('\n')

function hides(path: string, changes: Partial<Owner> & { mountinfo?: string } = {}): boolean {
  const home = at('homes/me')
  const owner: Owner = {
    ...{ home, accountHome: home, cwd: at('homes/me/linux'), shares: [], more: [] },
    klab: { hide: [at('homes/me/klab/state')], show: [] },
    ...changes,
  }
  return hiddenBy(guestRules(owner, { passwd, mountinfo: changes.mountinfo ?? '' }))(at(path))
}

test.each([
  ['homes/me/.bashrc', false],
  ['homes/me/linux/Makefile', false],
  ['homes/me/.ssh/id_rsa', true],
  // It, and where it leads to.
  ['homes/me/.aws', true],
  ['vault/aws/credentials', true],
  ['homes/me/.netrc', true],
  // Nothing of it is there yet.
  ['homes/me/.config/gh/hosts.yml', true],
  ['homes/me/klab/state/klab.db', true],
  ['homes/other', true],
  // Of LDAP: in no file.
  ['homes/ldap/linux/Makefile', true],
  ['far/linux', true],
  ['mail/box', false],
  ['vault', false],
])('of a machine, is %s hidden: %s', (path, expected) => {
  expect(hides(path)).toBe(expected)
})

test.each([
  ['homes/other', { cwd: at('homes/other/linux') }],
  ['homes/ldap', { shares: [at('homes/ldap/linux')] }],
  ['far', { cwd: at('far/linux') }],
])(
  'who works in the home of another (%s), or shares it, sees it, but not the secrets in it',
  (home, changes) => {
    expect(hides(`${home}/linux/Makefile`, changes)).toBe(false)
    expect(hides(`${home}/.ssh`, changes)).toBe(true)
  },
)

test('what the configuration adds is hidden, by name or from the home directory', () => {
  const more = [at('mail'), '~/linux/key', 'tokens', '/']
  for (const path of ['mail/box', 'homes/me/linux/key', 'homes/me/tokens'])
    expect(hides(path, { more })).toBe(true)
  expect(hides('vault', { more })).toBe(false)
})

test("this machine's own keys are hidden from everybody, those of /dev/shm and removable disks where they are shared", () => {
  const owner = {
    home: '/h/me',
    accountHome: '/h/me',
    cwd: '/',
    more: [],
    klab: { hide: [], show: [] },
  }
  const isHidden = (path: string, shares: string[]) =>
    hiddenBy(guestRules({ ...owner, shares }, { passwd: '', mountinfo: '' }))(path)
  for (const path of [
    '/etc/gshadow',
    '/etc/shadow-',
    '/proc/1',
    '/run/user/0',
    '/dev/shm',
    '/h/you',
  ])
    expect(isHidden(path, [])).toBe(true)
  expect(isHidden('/dev/shm/work', ['/dev/shm/work'])).toBe(false)
  expect(isHidden('/dev/mem', ['/dev'])).toBe(true)
})
