import { createReadStream } from 'node:fs'
import { lstat, mkdir, readdir, readlink } from 'node:fs/promises'
import { dirname, join, posix } from 'node:path'

import { InfraError } from '../../base/index.ts'
import type { Agent } from '../../guest/index.ts'
import { fetchFile } from './fetch-file.ts'
import type { Share } from '../spec/shares.ts'

const S_IFMT = 0o170000
const S_IFDIR = 0o040000
const S_IFLNK = 0o120000
const S_IFREG = 0o100000

/** What a guest may say of the names in a share. */
const MAX_LISTING = 64 * 1024 * 1024

/** Copies a share's directory into a guest that cannot mount it. Devices and sockets stay behind. */
export async function copyShareIn(agent: Agent, { host, guest }: Share): Promise<void> {
  await putOne(agent, host, guest)
  for (const entry of await readdir(host, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
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
 * in the guest stays. Nothing is written outside of the share, whatever the guest says.
 */
export async function copyShareBack(agent: Agent, { host, guest }: Share): Promise<void> {
  for (const { path, mode } of await agent.list(guest, MAX_LISTING)) {
    const parts = path.split('/')
    if (parts.some((part) => part === '' || part === '.' || part === '..')) continue
    const place = join(host, ...parts)
    await checkParents(host, place)
    if ((mode & S_IFMT) === S_IFDIR)
      await mkdir(place, { mode: mode & 0o777 }).catch(ignoreExisting)
    else if ((mode & S_IFMT) === S_IFREG)
      await fetchFile(agent, { source: posix.join(guest, path), place })
  }
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error
}

/** A link of the share's own must not lead the guest's bytes out of it. */
async function checkParents(host: string, place: string): Promise<void> {
  for (let dir = dirname(place); dir !== host; dir = dirname(dir)) {
    if ((await lstat(dir)).isDirectory()) continue
    throw new InfraError('SHARE', `${dir} is a link, and nothing is copied back through one`)
  }
}
