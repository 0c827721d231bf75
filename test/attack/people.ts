import { execFileSync } from 'node:child_process'
import { accessSync, constants, cpSync, existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

import { PROGRAM } from '../support/klab.ts'

/** Who runs klab: with all rights, with none, and with not even namespaces. */
const PEOPLE = ['root', 'user', 'bare'] as const
export type Person = (typeof PEOPLE)[number]

/** Those whom an attacker can be: becoming another takes root. */
export function peopleHere(): readonly Person[] {
  return process.getuid?.() === 0 ? PEOPLE : ['user']
}

/** A number that no account has. */
const UID = '54321'

/** A command line as that person gives it. */
export function asPerson(person: Person, command: readonly string[]): string[] {
  if (process.getuid?.() !== 0 || person === 'root') return [...command]
  const become = ['setpriv', '--reuid', UID, '--regid', UID, '--clear-groups']
  if (person === 'user') return [...become, ...command]
  // The limit is that of a namespace of its own: the machine keeps its.
  const script =
    'echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --ambient-caps=-all --inh-caps=-all "$@"'
  const within = ['unshare', '--user', `--map-user=${UID}`, `--map-group=${UID}`, '--keep-caps']
  return [...become, ...within, 'sh', '-c', script, 'sh', ...command]
}

/** Makes all in a directory that person's. */
export function giveTo(person: Person, dir: string): void {
  if (process.getuid?.() === 0 && person !== 'root')
    execFileSync('chown', ['-R', '-h', `${UID}:${UID}`, dir])
}

/** klab, where that person can start it: what is tested may lie where root alone may go. */
export function programFor(person: Person, place: string): string {
  const isReachable = person === 'root' || process.getuid?.() !== 0 || isOpen(dirname(PROGRAM))
  if (isReachable) return PROGRAM
  const clone = join(place, 'clone')
  if (!existsSync(clone)) cpSync(dirname(PROGRAM), clone, { recursive: true })
  return join(clone, 'klab')
}

function isOpen(dir: string): boolean {
  try {
    accessSync(dir, constants.R_OK)
    execFileSync('setpriv', ['--reuid', UID, '--clear-groups', 'test', '-x', PROGRAM])
    return true
  } catch {
    return false
  }
}
