import { closeSync } from 'node:fs'
import { promisify } from 'node:util'
import { gunzip, zstdDecompress } from 'node:zlib'

import { InfraError, messageOf } from '../../base/index.ts'
import { describeExit, openOutside, readOutside, start } from '../../host/index.ts'

/** So much memory one who packs may make xz take; what the kernel's `make` writes needs some MiB. */
const XZ_MEMORY = '256MiB'

/** The content of a module's file, packed or not, of at most `limit` bytes. Throws InfraError. */
export async function readModule(path: string, limit: number): Promise<Buffer> {
  try {
    if (path.endsWith('.xz')) return await unxz(path, limit)
    const data = readOutside(path, limit)
    const options = { maxOutputLength: limit }
    if (path.endsWith('.gz')) return await promisify(gunzip)(data, options)
    if (path.endsWith('.zst')) return await promisify(zstdDecompress)(data, options)
    return data
  } catch (error) {
    const why =
      (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? TOO_MUCH : messageOf(error)
    throw new InfraError('MODULE', `cannot read the kernel module ${path}: ${why}`, {
      cause: error,
    })
  }
}

/** A module has some megabytes. */
const LIMIT_MS = 60_000

const TOO_MUCH = 'it becomes larger than a module is'

async function unxz(path: string, limit: number): Promise<Buffer> {
  const file = openOutside(path)
  try {
    await using xz = start('xz', ['-dc', `--memlimit-decompress=${XZ_MEMORY}`], {
      stdio: [file, 'pipe', 'pipe'],
      limitMs: LIMIT_MS,
    })
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of xz.stdout ?? []) {
      chunks.push(chunk as Buffer)
      bytes += chunk.length
      if (bytes > limit) throw new Error(TOO_MUCH)
    }
    const exit = await xz.exited
    if (exit.kind === 'exited' && exit.code === 0) return Buffer.concat(chunks)
    throw new Error(`${xz.stderrTail().trim() || describeExit(exit)} (the package is xz-utils)`)
  } finally {
    closeSync(file)
  }
}
