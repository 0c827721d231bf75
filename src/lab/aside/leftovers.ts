import { constants, lstatSync, readdirSync, rmSync, statSync } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'

import { hasFields, tryDecodeJson } from '../../base/index.ts'
import {
  isAlive,
  isProcessIdentity,
  LAUNCHER,
  nativeProgram,
  noteIn,
  run,
  type ProcessIdentity,
} from '../../host/index.ts'
import type { Paths } from '../session/paths.ts'

/** What a klab makes in a directory of its user, as long as it is not what it will be: temporary.ts writes it down. */
export interface Leftover {
  readonly directory: string
  /** What is of it begins so, and is random: nobody else's does. */
  readonly name: string
  readonly owner: ProcessIdentity
}

export function leftoversDir({ state }: Pick<Paths, 'state'>): string {
  return join(state, 'leftovers')
}

/** Writing an entry down takes moments. */
const ABANDONED_AFTER_MS = 60_000

/** Takes away what klabs have left that were killed, dumps and copies of guests' files. What cannot be reached now is left to a later klab. */
export async function removeLeftovers(paths: Pick<Paths, 'cache' | 'state'>): Promise<void> {
  const dir = leftoversDir(paths)
  for (const file of namesIn(dir)) {
    const entry = join(dir, file)
    const leftover = tryDecodeJson(noteIn(entry), isLeftover)
    if (leftover ? isAlive(leftover.owner) : !isOld(entry)) continue
    if (!leftover || (await removeNamed(leftover, paths.cache))) rmSync(entry, { force: true })
  }
}

/**
 * Takes away all of one name in a directory, by the descriptor of it. No link is followed, and what belongs to others stays, and so does what others have
 * put there to be taken for ours: a name is only known when ours is there. False if some of it may still be there.
 */
export async function removeNamed(
  { directory, name }: Pick<Leftover, 'directory' | 'name'>,
  cacheDir: string,
): Promise<boolean> {
  try {
    await using opened = await open(directory, DIRECTORY)
    // Not /proc/self: it is told to a process that we start.
    const inIt = `/proc/${process.pid}/fd/${opened.fd}`
    const named = () => readdirSync(inIt).filter((one) => one.startsWith(name))
    const left = () => named().filter((one) => isOfUser(`${inIt}/${one}`))
    // QEMU may just begin to write in one.
    for (let triesLeft = TRIES; left().length > 0 && triesLeft > 0; triesLeft--)
      for (const file of left()) await remove(`${inIt}/${file}`, cacheDir)
    return left().length === 0
  } catch (error) {
    // With the directory all is gone that was in it.
    return ['ENOENT', 'ENOTDIR', 'ELOOP'].includes((error as NodeJS.ErrnoException).code ?? '')
  }
}

const TRIES = 3

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW

async function remove(path: string, cacheDir: string): Promise<void> {
  // A guest may have sent what is in a directory, with modes that keep its owner out.
  if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory())
    await run(await nativeProgram(LAUNCHER, cacheDir), ['--remove', path], {
      timeoutMs: Number.POSITIVE_INFINITY,
    })
  else await rm(path, { force: true })
}

function isOfUser(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.uid === process.geteuid?.()
}

function isOld(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false })
  return found !== undefined && Date.now() - found.mtimeMs > ABANDONED_AFTER_MS
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir)
  } catch {
    // Nothing was ever made.
    return []
  }
}

/** Whoever has made the name has made it so. */
const NAME = /^\.klab-[a-z0-9]{16}$/

function isLeftover(value: unknown): value is Leftover {
  return (
    hasFields(value, { directory: 'string', name: 'string', owner: 'object' }) &&
    isProcessIdentity(value['owner']) &&
    NAME.test(String(value['name']))
  )
}
