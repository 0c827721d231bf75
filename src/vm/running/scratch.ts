import { open, rm, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'

import { InfraError, messageOf } from '../../base/index.ts'
import { scratchFd, type Disk } from '../machine/disk.ts'

/** What a child is given, by its descriptors. */
export type Stdio = ('ignore' | 'pipe' | number)[]

/**
 * Makes the empty files behind the scratch disks of a machine, in a directory, and adds them to what QEMU is given. They have no
 * name: however klab ends, nothing is left of them. Throws InfraError.
 */
export async function openScratch(
  dir: string,
  disks: readonly Disk[],
  stdio: Stdio,
): Promise<AsyncDisposable> {
  await using opened = new AsyncDisposableStack()
  for (const [index, { source, serial }] of disks.entries()) {
    if (source.kind !== 'scratch') continue
    try {
      const file = opened.use(await nameless(join(dir, `disk${index}`)))
      await file.truncate(source.bytes)
      // A descriptor of the child is the place in its list.
      while (stdio.length < scratchFd(index)) stdio.push('ignore')
      stdio.push(file.fd)
    } catch (error) {
      throw new InfraError('DISK', `cannot make the disk ${serial}: ${messageOf(error)}`)
    }
  }
  return opened.move()
}

async function nameless(path: string): Promise<FileHandle> {
  const file = await open(path, 'wx+', 0o600)
  await rm(path)
  return file
}
