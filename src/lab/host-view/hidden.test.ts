import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, expect, test } from 'vitest'

import { hiddenPaths } from './hidden.ts'

// realpath: the directory for temporary files may itself be a link.
const root = realpathSync(mkdtempSync(join(tmpdir(), 'klab-homes-')))
afterAll(() => rmSync(root, { recursive: true }))

const at = (...path: string[]) => join(root, ...path)
const file = (...path: string[]) => {
  mkdirSync(dirname(at(...path)), { recursive: true })
  writeFileSync(at(...path), 'secret')
  return at(...path)
}
const directory = (...path: string[]) => dirname(file(...path, 'key'))

const secrets = [
  directory('me', '.ssh'),
  file('me', '.npmrc'),
  directory('me', '.config', 'gh'),
  // On a volume of its own, as people keep them.
  directory('vault', 'aws'),
]
symlinkSync(at('vault', 'aws'), at('me', '.aws'))
file('me', '.bashrc')
file('me', 'linux', 'Makefile')
directory('other', '.ssh')
file('other', 'linux', 'Makefile')
directory('mail')
file('further', 'token')
symlinkSync('nowhere', at('me', '.netrc'))

const passwd = at('passwd')
writeFileSync(
  passwd,
  [
    `me:x:1000:1000::${at('me')}:/bin/sh`,
    `other:x:1001:1001::${at('other')}:/bin/sh`,
    `gone:x:1002:1002::${at('gone')}:/bin/sh`,
    // No person, nobody, a home that is / and one that ours lies in.
    `mail:x:8:8::${at('mail')}:/usr/sbin/nologin`,
    `nobody:x:65534:65534::${at('vault')}:/usr/sbin/nologin`,
    'toor:x:0:0::/:/bin/sh',
    `above:x:1003:1003::${root}:/bin/sh`,
    '',
  ].join('\n'),
)

/** Without what this machine hides of its own. */
const hidden = (home: string, cwd: string, more: readonly string[] = []) =>
  hiddenPaths(at(home), at(cwd), { more, passwd }).filter((path) => path.startsWith(`${root}/`))

test('secrets at home are hidden with links resolved, and the homes of others whole', () => {
  expect(hidden('me', 'me/linux')).toEqual([...secrets, at('other')].toSorted())
})

test('who works in the home of another (sudo) sees it, but not the secrets in it', () => {
  expect(hidden('me', 'other/linux')).toEqual([...secrets, at('other', '.ssh')].toSorted())
})

test('a directory that only begins like the home of another is not in it', () => {
  expect(hidden('me', 'other-trees')).toContain(at('other'))
})

test('what the configuration adds is hidden where it is there, and once', () => {
  const more = [at('further'), at('further'), at('me', '.ssh'), at('not', 'there')]
  expect(hidden('me', 'me', more)).toEqual([...secrets, at('other'), at('further')].toSorted())
})

test("this machine's own keys are hidden from everybody", () => {
  const everything = hiddenPaths(at('me'), at('me'), { more: [], passwd: '/etc/passwd' })
  expect(everything).toContain('/etc/gshadow')
})
