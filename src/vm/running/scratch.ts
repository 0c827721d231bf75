import { open, rm } from 'node:fs/promises'

import { InfraError, messageOf } from '../../base/index.ts'
import { diskPath, type Disk } from '../machine/disk.ts'

/** Makes the empty files behind the scratch disks of a machine: they take up what the guest writes. Throws InfraError. */
export async function makeScratch(dir: string, disks: readonly Disk[]): Promise<AsyncDisposable> {
  await using made = new AsyncDisposableStack()
  for (const [index, disk] of disks.entries()) {
    if (disk.source.kind !== 'scratch') continue
    const path = diskPath(disk, index, dir)
    made.defer(() => rm(path, { force: true }))
    try {
      await using file = await open(path, 'wx', 0o600)
      await file.truncate(disk.source.bytes)
    } catch (error) {
      throw new InfraError('DISK', `cannot make the disk ${disk.serial}: ${messageOf(error)}`)
    }
  }
  const owned = made.move()
  return { [Symbol.asyncDispose]: () => owned.disposeAsync() }
}
