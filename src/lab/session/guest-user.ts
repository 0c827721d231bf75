import { readFileSync } from 'node:fs'

import { UsageError } from '../../base/index.ts'
import type { ExecRequest } from '../../guest/index.ts'
import { askForAccount } from '../../host/index.ts'
import { ownAccount } from './own-account.ts'

export interface GuestUser {
  readonly ids: ExecRequest['user']
  readonly name: string
  readonly home: string
  readonly shell: string
}

/**
 * The account of this machine, and so of the guest, by name or number: from its files, or from whoever else knows
 * accounts (LDAP, SSSD). Of our own number there need be none. Throws UsageError if there is none.
 */
export function findUser(who: string, env: NodeJS.ProcessEnv): GuestUser {
  const listed = readLines('/etc/passwd').find(([name, , uid]) => name === who || uid === who)
  if (listed) return userOf(listed)
  const own = ownAccount()
  if (who === own.name || who === String(own.uid)) {
    const { name, uid, gid, groups, home = env['HOME'] ?? '/', shell = '/bin/sh' } = own
    return { ids: { uid, gid, groups: [...new Set([gid, ...groups])] }, name, home, shell }
  }
  const asked = askForAccount(who)
  if (asked !== undefined) return userOf(asked.split(':'))
  throw new UsageError(`there is no user ${who} on this machine`)
}

function userOf([name = '', , uid, gid, , home, shell]: readonly string[]): GuestUser {
  const groups = readLines('/etc/group')
    .filter(([, , , members = '']) => members.split(',').includes(name))
    .map(([, , number]) => Number(number))
  const ids = { uid: Number(uid), gid: Number(gid), groups: [...new Set([Number(gid), ...groups])] }
  return { ids, name, home: home || '/', shell: shell || '/bin/sh' }
}

function readLines(path: string): string[][] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
}

const PASSED_ON = [
  'PATH',
  'LANG',
  'LANGUAGE',
  'TERM',
  'COLORTERM',
  'TZ',
  'EDITOR',
  'PAGER',
  'MAKEFLAGS',
  'ARCH',
  'CROSS_COMPILE',
  'LLVM',
]

/**
 * The command's environment: what programs need to find their way, and what the user asks for. Not the rest: tokens
 * and agents' sockets are in environments too.
 */
export function guestEnvironment(
  env: NodeJS.ProcessEnv,
  user: GuestUser,
  asked: readonly string[],
): Record<string, string> {
  const passed = Object.entries(env).filter(
    ([name, value]) => value !== undefined && (PASSED_ON.includes(name) || name.startsWith('LC_')),
  ) as [string, string][]
  const set = asked.flatMap((item): [string, string][] => {
    const at = item.indexOf('=')
    if (at >= 0) return [[item.slice(0, at), item.slice(at + 1)]]
    const value = env[item]
    return value === undefined ? [] : [[item, value]]
  })
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    ...Object.fromEntries(passed),
    HOME: user.home,
    USER: user.name,
    LOGNAME: user.name,
    SHELL: user.shell,
    KLAB: '1',
    ...Object.fromEntries(set),
  }
}
