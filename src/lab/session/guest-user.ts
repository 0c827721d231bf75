import { readFileSync } from 'node:fs'

import { UsageError } from '../../base/index.ts'
import type { ExecRequest } from '../../guest/index.ts'

export interface GuestUser {
  readonly ids: ExecRequest['user']
  readonly name: string
  readonly home: string
  readonly shell: string
}

/** The account of this machine, and so of the guest, by name or number. Throws UsageError if there is none. */
export function findUser(who: string): GuestUser {
  const entries = readLines('/etc/passwd')
  const entry = entries.find(([name, , uid]) => name === who || uid === who)
  if (!entry) throw new UsageError(`there is no user ${who} on this machine`)
  const [name = '', , uid, gid, , home = '/', shell = '/bin/sh'] = entry
  const groups = readLines('/etc/group')
    .filter(([, , , members = '']) => members.split(',').includes(name))
    .map(([, , number]) => Number(number))
  const ids = { uid: Number(uid), gid: Number(gid), groups: [...new Set([Number(gid), ...groups])] }
  return { ids, name, home, shell }
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
