import { closeSync, fstatSync, lstatSync } from 'node:fs'

import { contentOf, openOutside } from './outside-file.ts'
import { isOurs, ownerName } from './own-path.ts'

/** What is found where a file is looked for that klab is to obey. */
export type BelievedFile =
  | { readonly kind: 'absent' }
  | { readonly kind: 'text'; readonly text: string }
  /** It is there and counts for nothing. */
  | { readonly kind: 'not-ours'; readonly why: string }

/** Whom a file may be open to: who reads what it says once sees it change, or it is obeyed as it stands. */
export type Openness = 'group-may-write' | 'owner-may-write'

/** The longest that people write have some KiB. */
const MAX_BYTES = 128 * 1024

/** Reads a file of this user's, or of root's. What was opened is looked at, and no path a second time. Throws FormatError for one that cannot be read. */
export function readBelieved(path: string, openness: Openness): BelievedFile {
  const link = lstatSync(path, { throwIfNoEntry: false })
  if (!link) return { kind: 'absent' }
  if (!isOurs(link)) return notOurs(`it belongs to ${ownerName(link.uid)}`)
  const file = openOutside(path)
  try {
    const stat = fstatSync(file)
    if (!isOurs(stat)) return notOurs(`it belongs to ${ownerName(stat.uid)}`)
    const { uid, gid, mode } = stat
    // As for directories: a group of one's own has one's own number.
    const open = openness === 'group-may-write' || gid === uid ? 0o002 : 0o022
    if (mode & open) return notOurs(`other users can write it (chmod go-w ${path})`)
    return { kind: 'text', text: contentOf(file, MAX_BYTES).toString('utf8') }
  } finally {
    closeSync(file)
  }
}

function notOurs(why: string): BelievedFile {
  return { kind: 'not-ours', why }
}
