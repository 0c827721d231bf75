import { lstatSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

import type { Rules } from '../../host/index.ts'
import { parseMounts } from './mounts.ts'
import { RealPaths } from './real-paths.ts'
import { isWithin, withMounts } from './rules.ts'
import { SECRETS } from './secrets.ts'

/** Whose machine it is that a guest looks at. */
export interface Owner {
  /** HOME. */
  readonly home: string
  /** That of the account, which is where others' homes lie, too: an account of LDAP or SSSD is in no file. */
  readonly accountHome: string
  /** Where one works. */
  readonly cwd: string
  readonly shares: readonly string[]
  /** What klab keeps: hidden, but for what is no secret. */
  readonly klab: Rules
  /** What the user's configuration adds: absolute, or from the home directory. */
  readonly more: readonly string[]
}

/** What this machine says of itself. */
export interface Machine {
  readonly passwd: string
  readonly mountinfo: string
}

/** Not to be seen as they are, but made anew by each guest. */
const OF_THE_MACHINE = ['/proc', '/sys', '/dev', '/run'] as const

/** But these may be shared, and what is in them: memory, and what udisks mounts. */
const TO_BE_SHARED = ['/dev/shm', '/run/media', '/run/user'] as const

/** Nobody's home: programs. */
const NO_HOMES = ['/home/linuxbrew'] as const

/** What no guest sees of this machine, and no share shows: secrets, homes of others, what is mounted and holds no files. */
export function guestRules(owner: Owner, machine: Machine = thisMachine()): Rules {
  const { home, klab, more } = owner
  const paths = new RealPaths()
  const homes = homesOf(owner, { passwd: machine.passwd, paths })
  const secrets = [
    ...homes.seen.flatMap(secretsAt),
    ...SECRETS.flatMap(({ machine: listed = [] }) => listed),
    ...klab.hide,
    ...more.map((path) => resolve(home, path.replace(/^~\//, ''))),
  ].flatMap((path) => paths.of(path))
  // A link to all that one has must not take it away.
  const isTooMuch = (path: string) =>
    path === '/' || homes.seen.some((seen) => path !== seen && isWithin(seen, path))
  const hide = [...OF_THE_MACHINE, ...homes.hidden, ...secrets.filter((path) => !isTooMuch(path))]
  const shared = owner.shares.filter((share) => TO_BE_SHARED.some((dir) => isWithin(share, dir)))
  const show = [...homes.shown, ...klab.show, ...shared].flatMap((path) => paths.of(path))
  const rules = { hide: [...new Set(hide)], show: [...new Set(show)] }
  return withMounts(rules, parseMounts(machine.mountinfo))
}

function secretsAt(home: string): string[] {
  return SECRETS.flatMap(({ home: listed = [] }) => listed.map((path) => `${home}/${path}`))
}

function thisMachine(): Machine {
  return {
    passwd: readFileSync('/etc/passwd', 'utf8'),
    mountinfo: readFileSync('/proc/self/mountinfo', 'utf8'),
  }
}

interface Homes {
  /** Ours, and those that somebody works in (sudo). */
  readonly seen: readonly string[]
  /** The directories in which homes lie, and homes of others elsewhere. */
  readonly hidden: readonly string[]
  readonly shown: readonly string[]
}

function homesOf(
  { home, accountHome, cwd, shares }: Owner,
  { passwd, paths }: { readonly passwd: string; readonly paths: RealPaths },
): Homes {
  const holders = ['/home', dirname(accountHome)]
    .filter((dir) => !NO_HOLDERS.has(dir))
    .map((dir) => paths.end(dir))
  const isHeld = (path: string) => holders.some((holder) => isWithin(path, holder))
  const ours = [home, accountHome].map((dir) => paths.end(dir))
  const elsewhere = homesOfPeople(passwd)
    .filter((other) => !isHeld(other))
    .map((other) => paths.end(other))
    .filter((other) => !ours.some((own) => isWithin(own, other)))
  // Homes of others that are worked in, or shared in, are seen, but for the secrets in them.
  const workedIn = [cwd, ...shares].flatMap((place) => [
    ...elsewhere.filter((other) => isWithin(place, other)),
    ...holders.flatMap((holder) => homeAround(holder, place)),
  ])
  const seen = [...new Set([...ours, ...workedIn])].filter((dir) => !holders.includes(dir))
  return {
    seen,
    hidden: [...holders, ...elsewhere.filter((other) => !seen.includes(other))],
    shown: [...seen.filter(isHeld), ...NO_HOMES],
  }
}

/** Where much else lies beside a home, as that of a service. */
const NO_HOLDERS: ReadonlySet<string> = new Set(
  '/ /usr /var /var/lib /var/tmp /tmp /opt /srv /etc /run /mnt /usr/local /var/local'.split(' '),
)

/** The home in which a place lies, in a directory of homes, or in one of its own for each domain (/home/DOMAIN/USER), which is root's. */
function homeAround(holder: string, place: string): string[] {
  if (place === holder || !isWithin(place, holder)) return []
  const [first = '', second] = place.slice(holder.length + 1).split('/')
  const dir = join(holder, first)
  const isRoots = lstatSync(dir, { throwIfNoEntry: false })?.uid === 0
  return [isRoots && second !== undefined ? join(dir, second) : dir]
}

/** From passwd(5): accounts of people (uid 1000 on) and root. */
function homesOfPeople(passwd: string): string[] {
  return passwd
    .split('\n')
    .map((line) => line.split(':'))
    .filter(([, , uid]) => Number(uid) === 0 || (Number(uid) >= 1000 && Number(uid) < 65_534))
    .map((fields) => fields[5] ?? '')
    .filter((home) => home.length > 1 && home.startsWith('/'))
}
