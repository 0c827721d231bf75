import { createReadStream } from 'node:fs'
import { lstat, mkdir, readdir, readlink, rm } from 'node:fs/promises'
import { dirname, join, posix } from 'node:path'

import { InfraError, messageOf } from '../../base/index.ts'
import type { Agent } from '../../guest/index.ts'
import type { TemporaryPaths } from '../aside/temporary.ts'
import { fetchNew } from './fetch-file.ts'
import type { Share } from '../spec/shares.ts'
import { stageFor } from './staging.ts'

const S_IFMT = 0o170000
const S_IFDIR = 0o040000
const S_IFLNK = 0o120000
const S_IFREG = 0o100000

/** What a guest may say of the names in a share. */
const MAX_LISTING = 64 * 1024 * 1024

/** Tells of a path of this machine that no guest sees it. */
type IsHidden = (path: string) => boolean

/** Copies a share's directory into a guest that cannot mount it. Devices and sockets stay behind, and what is hidden. */
export async function copyShareIn(
  agent: Agent,
  { host, guest }: Share,
  isHidden: IsHidden,
): Promise<void> {
  await putOne(agent, host, guest)
  for (const entry of await readdir(host, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (isHidden(path)) continue
    await putOne(agent, path, posix.join(guest, path.slice(host.length)))
  }
}

async function putOne(agent: Agent, path: string, place: string): Promise<void> {
  const { mode, uid, gid } = await lstat(path)
  const attributes = { mode, uid, gid }
  switch (mode & S_IFMT) {
    case S_IFDIR:
      await agent.put(place, new Uint8Array(), attributes)
      return
    case S_IFLNK:
      await agent.put(place, Buffer.from(await readlink(path)), attributes)
      return
    case S_IFREG:
      await agent.put(place, createReadStream(path), attributes)
      return
    default:
  }
}

/**
 * Copies what a guest has made of a share back over the host's directory: what is new or changed comes, what was deleted
 * in the guest stays. Nothing is written outside of the share, whatever the guest says: names are checked, and links not followed.
 */
export async function copyShareBack(
  agent: Agent,
  { host, guest }: Share,
  { paths, isHidden }: { readonly paths: TemporaryPaths; readonly isHidden: IsHidden },
): Promise<void> {
  const listed = await agent.list(guest, MAX_LISTING)
  await using staging = await stageFor(host, paths)
  for (const entry of listed) {
    const parts = entry.path.split('/')
    if (parts.some((part) => part === '' || part === '.' || part === '..')) continue
    // Not over what is hidden, where the guest has found nothing.
    if (isHidden(join(host, ...parts))) continue
    await fetchEntry(agent, { ...entry, guest }, join(staging.dir, ...parts))
  }
  await staging.settle()
}

/** All that is above a place in the staging directory was made here, and is no link. */
async function fetchEntry(
  agent: Agent,
  { path, mode, guest }: { path: string; mode: number; guest: string },
  place: string,
): Promise<void> {
  try {
    const isDirectory = (mode & S_IFMT) === S_IFDIR
    if (isDirectory) await mkdir(place, { recursive: true, mode: (mode & 0o777) | 0o700 })
    if ((mode & S_IFMT) !== S_IFREG) return
    await mkdir(dirname(place), { recursive: true, mode: 0o700 })
    // A guest may tell a name twice.
    await rm(place, { force: true })
    await fetchNew(agent, { source: posix.join(guest, path), place })
  } catch (error) {
    if (error instanceof InfraError) throw error
    throw new InfraError('SHARE', `cannot copy ${place} back from the guest: ${messageOf(error)}`)
  }
}
