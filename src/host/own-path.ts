import { lstatSync, readFileSync, readlinkSync, type Stats } from 'node:fs'
import { join, resolve, sep } from 'node:path'

/** As the kernel allows. */
const MAX_LINKS = 40

/**
 * Why a path cannot be believed: on the way to it another user can put something else in its place. Undefined if nobody but this user and root can.
 * Looked at from the top: what an entry is of a directory that others cannot change, or of a sticky one where it is ours, stays so. A directory that
 * its owner has opened to a group is left to that group.
 */
export function pathProblem(path: string): string | undefined {
  return walk(path, MAX_LINKS).problem
}

/** Whether an account is this one, or root, whom nobody can keep out. */
export function isOurs({ uid }: Pick<Stats, 'uid'>): boolean {
  return uid === process.geteuid?.() || uid === 0 || isUnmapped(uid)
}

/** For people: `nobody (uid 65534)`. */
export function ownerName(uid: number): string {
  const name = accountName(uid)
  return name === undefined ? `uid ${uid}` : `${name} (uid ${uid})`
}

interface Walked {
  readonly at: string
  readonly problem?: string
}

function walk(path: string, links: number): Walked {
  let at: string = sep
  for (const name of path.split(sep).filter((part) => part !== '')) {
    const problem = directoryProblem(at)
    if (problem !== undefined) return { at, problem }
    const next = join(at, name)
    const stat = lstatSync(next, { throwIfNoEntry: false })
    // The rest is yet to be made, by us.
    if (!stat) return { at }
    if (!stat.isSymbolicLink()) {
      at = next
      continue
    }
    if (!isOurs(stat))
      return { at, problem: `${next} is a link that belongs to ${ownerName(stat.uid)}` }
    if (links === 0) return { at, problem: `${next} is a link that leads to itself` }
    const target = walk(resolve(at, readlinkSync(next)), links - 1)
    if (target.problem !== undefined) return target
    at = target.at
  }
  return { at }
}

/** Whether others can rename what is in a directory. */
function directoryProblem(path: string): string | undefined {
  const stat = lstatSync(path)
  if (!isOurs(stat)) return `${path} belongs to ${ownerName(stat.uid)}`
  const isOpen = (stat.mode & 0o002) !== 0 && (stat.mode & 0o1000) === 0
  return isOpen ? `anybody can rename what is in ${path}` : undefined
}

/** In a user namespace the files of all who are not in it appear to be of the overflow user: root's among them, whom nothing can tell from others. */
function isUnmapped(uid: number): boolean {
  if (uid !== overflowUid()) return false
  const ranges = readFileSync('/proc/self/uid_map', 'latin1').trim().split('\n')
  return !ranges.some((line) => {
    const [first = 0, , count = 0] = line.trim().split(/\s+/).map(Number)
    return uid >= first && uid < first + count
  })
}

function overflowUid(): number {
  try {
    return Number(readFileSync('/proc/sys/kernel/overflowuid', 'latin1'))
  } catch {
    return 65_534
  }
}

function accountName(uid: number): string | undefined {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.split(':')[2] === String(uid))
  return line?.split(':')[0]
}
