import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { chmod, rename, rm } from 'node:fs/promises'

import { newId } from '../../base/index.ts'
import type { Agent } from '../../guest/index.ts'

/**
 * A file of the guest onto this machine, with its permissions. Written aside and renamed: nobody ever sees half a file, and a
 * failure leaves what was there. Throws what reading or writing throws.
 */
export async function fetchFile(
  agent: Agent,
  { source, place }: { readonly source: string; readonly place: string },
  onProgress: (bytes: number) => void = () => undefined,
): Promise<void> {
  const temporary = `${place}.klab-${newId()}`
  const stream = createWriteStream(temporary, { flags: 'wx', mode: 0o600 })
  let mode = 0o644
  try {
    const write = async (chunk: Buffer) => {
      onProgress(chunk.length)
      if (!stream.write(chunk)) await once(stream, 'drain')
    }
    const failed = once(stream, 'error').then(([error]) => Promise.reject(error as Error))
    // A guest's set-user-ID is no business of this machine.
    const got = agent.get(source, write, (facts) => (mode = facts.mode & 0o777))
    await Promise.race([got, failed])
    stream.end()
    await Promise.race([once(stream, 'close'), failed])
    await chmod(temporary, mode)
    await rename(temporary, place)
  } catch (error) {
    // One that is only being opened would be there again after it was removed.
    if (!stream.closed) await new Promise<void>((closed) => stream.once('close', closed).destroy())
    await rm(temporary, { force: true })
    throw error
  }
}
