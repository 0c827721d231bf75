import { constants } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { basename, dirname } from 'node:path'

import type { Agent } from '../../guest/index.ts'
import { asideName, leftAside } from '../../host/index.ts'

/**
 * A file of the guest onto this machine, with its permissions. Written aside and renamed: nobody ever sees half a file, a
 * failure leaves what was there, and a link, a FIFO or a device that was there is replaced, not written through. Throws what reading or writing throws.
 */
export async function fetchFile(
  agent: Agent,
  { source, place }: { readonly source: string; readonly place: string },
  onProgress: (bytes: number) => void = () => undefined,
): Promise<void> {
  // Held open: a guest that shares it may put a link in its place meanwhile.
  await using directory = await open(dirname(place), constants.O_RDONLY | constants.O_DIRECTORY)
  const inIt = (name: string) => `/proc/self/fd/${directory.fd}/${name}`
  // Those of copies that were killed.
  for (const { name, isDirectory } of leftAside(inIt('.')))
    if (!isDirectory) await rm(inIt(name), { force: true })
  const temporary = inIt(asideName())
  await using file = await open(temporary, 'wx', 0o600)
  try {
    const failed = Promise.withResolvers<never>()
    failed.promise.catch(() => undefined)
    const write = async (chunk: Buffer) => {
      onProgress(chunk.length)
      await file.appendFile(chunk).catch(failed.reject)
    }
    let mode = 0o644
    // A guest's set-user-ID is no business of this machine.
    const got = agent.get(source, write, (facts) => (mode = facts.mode & 0o777))
    await Promise.race([got, failed.promise])
    await file.chmod(mode)
    await rename(temporary, inIt(basename(place)))
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}
