import { existsSync, readdirSync } from 'node:fs'
import { readFile, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'

import { InfraError, tryDecodeJson } from '../../base/index.ts'
import { diskUsage } from '../../host/index.ts'
import { isManifest, type Manifest } from './manifest.ts'

/** The kernels that klab built, by id, each a directory of its own. */
export class KernelStore {
  readonly #dir: string

  constructor(cacheDir: string) {
    this.#dir = join(cacheDir, 'kernels')
  }

  directory(id: string): string {
    return join(this.#dir, id)
  }

  has(id: string): boolean {
    return existsSync(join(this.directory(id), 'manifest.json'))
  }

  /** Marks a kernel as used now: what is unused longest is cleaned first. */
  async touch(id: string): Promise<void> {
    const now = new Date()
    await utimes(join(this.directory(id), 'manifest.json'), now, now).catch(() => undefined)
  }

  async manifest(id: string): Promise<Manifest> {
    const path = join(this.directory(id), 'manifest.json')
    const manifest = tryDecodeJson(await readFile(path, 'utf8'), isManifest)
    if (manifest) return manifest
    throw new InfraError(
      'KERNEL',
      `${path} is damaged, or was written by another klab; remove it: klab kernel rm ${id}`,
    )
  }

  /** All kernels, last used first; what cannot be read is left out. */
  async list(): Promise<{ manifest: Manifest; usedAt: Date }[]> {
    if (!existsSync(this.#dir)) return []
    const ids = readdirSync(this.#dir).filter((id) => this.has(id))
    const kernels = await Promise.all(
      ids.map(async (id) => {
        const manifest = await this.manifest(id).catch(() => undefined)
        const { mtime } = await stat(join(this.directory(id), 'manifest.json'))
        return manifest ? [{ manifest, usedAt: mtime }] : []
      }),
    )
    return kernels.flat().toSorted((a, b) => b.usedAt.getTime() - a.usedAt.getTime())
  }

  /** The one kernel whose id begins so. Undefined if none does; throws InfraError if several do, or it cannot be read. */
  async find(prefix: string): Promise<Manifest | undefined> {
    const id = this.idOf(prefix)
    return id === undefined ? undefined : await this.manifest(id)
  }

  /** As find, for what can be done with a kernel that cannot be read. */
  idOf(prefix: string): string | undefined {
    if (!/^[0-9a-f]{4,12}$/.test(prefix) || !existsSync(this.#dir)) return undefined
    const ids = readdirSync(this.#dir).filter((id) => id.startsWith(prefix) && this.has(id))
    if (ids.length > 1)
      throw new InfraError('KERNEL', `${prefix} means several kernels: ${ids.join(', ')}`)
    return ids[0]
  }

  async remove(id: string): Promise<void> {
    await rm(this.directory(id), { recursive: true, force: true })
  }

  /** Bytes on disk. */
  async size(id: string): Promise<number> {
    const dir = this.directory(id)
    return (await diskUsage([dir])).get(dir) ?? 0
  }
}
