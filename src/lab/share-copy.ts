import { createReadStream, createWriteStream } from 'node:fs'
import { lstat, mkdir, readdir, readlink, rename, rm } from 'node:fs/promises'
import { once } from 'node:events'
import { dirname, join, posix } from 'node:path'

import { InfraError } from '../base/index.ts'
import type { Agent } from '../guest/index.ts'
import type { Share } from './shares.ts'

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
      await agent.put(place, nothing(), attributes)
      return
    case S_IFLNK:
      await agent.put(place, inOne(await readlink(path)), attributes)
      return
    case S_IFREG:
      await agent.put(place, createReadStream(path), attributes)
      return
    default:
  }
}

async function* nothing(): AsyncIterable<Uint8Array> {}

async function* inOne(content: string): AsyncIterable<Uint8Array> {
  yield Buffer.from(content)
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
      await fetchFile(agent, posix.join(guest, path), place, mode)
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

async function fetchFile(agent: Agent, path: string, place: string, mode: number): Promise<void> {
  const temporary = `${place}.klab-${process.pid}`
  const stream = createWriteStream(temporary, { flags: 'wx', mode: mode & 0o777 })
  try {
    await agent.get(path, async (chunk) => {
      if (!stream.write(chunk)) await once(stream, 'drain')
    })
    stream.end()
    if (!stream.closed) await once(stream, 'close')
    await rename(temporary, place)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}
