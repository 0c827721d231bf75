import { existsSync, readdirSync } from 'node:fs'
import { rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'

import { InfraError, tryDecodeJson } from '../../base/index.ts'
import { diskUsage, textOutside } from '../../host/index.ts'
import { isManifest, type Manifest } from './manifest.ts'

/** What a kernel cannot be without. */
const PARTS = ['manifest.json', 'image', 'vmlinux', 'config'] as const
const MAX_MANIFEST = 1024 * 1024
const ID = /^[0-9a-f]{12}$/

/** The kernels that klab built, by id, each a directory of its own. */
export class KernelStore {
  readonly #dir: string

  constructor(cacheDir: string) {
    this.#dir = join(cacheDir, 'kernels')
  }

  directory(id: string): string {
    return join(this.#dir, id)
  }

  /** Whether a kernel is there, whole: one that somebody took a part of is built again. */
  has(id: string): boolean {
    return PARTS.every((file) => existsSync(join(this.directory(id), file)))
  }

  /** The ids of kernels that are there, whole or not. */
  #ids(): string[] {
    return existsSync(this.#dir) ? readdirSync(this.#dir).filter((id) => ID.test(id)) : []
  }

  /** Marks a kernel as used now: what is unused longest is cleaned first. */
  async touch(id: string): Promise<void> {
    const now = new Date()
    await utimes(join(this.directory(id), 'manifest.json'), now, now).catch(() => undefined)
  }

  async manifest(id: string): Promise<Manifest> {
    const path = join(this.directory(id), 'manifest.json')
    const manifest = tryDecodeJson(textOf(path), isManifest)
    if (manifest) return manifest
    throw new InfraError(
      'KERNEL',
      `${path} is damaged, or was written by another klab; remove it: klab kernel rm ${id}`,
    )
  }

  /** All kernels, last used first; what cannot be read is left out. */
  async list(): Promise<{ manifest: Manifest; usedAt: Date }[]> {
    const ids = this.#ids().filter((id) => this.has(id))
    const kernels = await Promise.all(
      ids.map(async (id) => {
        const manifest = await this.manifest(id).catch(() => undefined)
        const { mtime } = await stat(join(this.directory(id), 'manifest.json'))
        return manifest ? [{ manifest, usedAt: mtime }] : []
      }),
    )
    return kernels.flat().toSorted((a, b) => b.usedAt.getTime() - a.usedAt.getTime())
  }

  /** The one kernel whose id begins so, whole or not. Undefined if none does; throws InfraError if several do. */
  idOf(prefix: string): string | undefined {
    if (!/^[0-9a-f]{4,12}$/.test(prefix)) return undefined
    const ids = this.#ids().filter((id) => id.startsWith(prefix))
    if (ids.length > 1)
      throw new InfraError('KERNEL', `${prefix} means several kernels: ${ids.join(', ')}`)
    return ids[0]
  }

  /** As idOf, of those that are whole. Throws InfraError for one that is damaged. */
  async find(prefix: string): Promise<Manifest | undefined> {
    const id = this.idOf(prefix)
    if (id === undefined) return undefined
    const manifest = await this.manifest(id)
    const missing = PARTS.find((file) => !existsSync(join(this.directory(id), file)))
    if (missing === undefined) return manifest
    throw new InfraError(
      'KERNEL',
      `kernel ${id} has lost its ${missing}; klab build makes it again, or klab kernel rm ${id} removes it`,
    )
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

/** Empty for one that cannot be read. */
function textOf(path: string): string {
  try {
    return textOutside(path, MAX_MANIFEST)
  } catch {
    return ''
  }
}
