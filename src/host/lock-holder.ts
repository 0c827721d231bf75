import { readFileSync, statSync } from 'node:fs'

import { parentOf } from './identity.ts'
import type { Peer } from './patience.ts'

/** Who has the lock of a file, as far as the kernel tells (proc_locks(5)): the process that took it, and the klab that this one holds it for. */
export function lockHolders(path: string): Peer[] {
  // Whoever prunes may have taken the file away; what is locked then is nobody's any more.
  const inode = statSync(path, { throwIfNoEntry: false })?.ino
  if (inode === undefined) return []
  const pid = holderIn(readFileSync('/proc/locks', 'latin1'), inode)
  if (pid === undefined) return []
  const parent = parentOf(pid)
  return [
    { what: 'what holds it', pid },
    // Whoever is left to the first process of all has no klab any more.
    ...(parent !== undefined && parent > 1 ? [{ what: 'the klab that has it', pid: parent }] : []),
  ]
}

/** The process that has a flock(2) on the file of an inode. Inodes of two file systems may have the same number: then nobody is named. Pure. */
export function holderIn(locks: string, inode: number): number | undefined {
  const pids = locks.split('\n').flatMap((line) => {
    // `1: FLOCK  ADVISORY  WRITE 4885 fe:00:9978777 0 EOF`; who waits for it has an arrow before the kind.
    const [, pid, found] =
      /^\d+: FLOCK +\S+ +\S+ +(\d+) [0-9a-f]+:[0-9a-f]+:(\d+) /.exec(line) ?? []
    return Number(found) === inode ? [Number(pid)] : []
  })
  return pids.length === 1 ? pids[0] : undefined
}
