import { existsSync, readdirSync, statSync, type Stats } from 'node:fs'
import { readFile, rm, utimes } from 'node:fs/promises'
import { join } from 'node:path'

import { InfraError, tryDecodeJson } from '../../base/index.ts'
import { diskUsage, processIdentity, setAside, textOutside } from '../../host/index.ts'
import { digest, isManifest, KERNEL_PARTS, type KernelPart, type Manifest } from './manifest.ts'

const MAX_MANIFEST = 1024 * 1024
const ID = /^[0-9a-f]{12}$/
/** What a klab that was killed while it collected a kernel leaves, with its process number; and what was set aside. */
const LEFTOVER = /^[0-9a-f]{12}\.(?:(\d+)\.tmp|damaged)$/

/** The kernels that klab built, by id, each a directory of its own. */
export class KernelStore {
  readonly #dir: string

  constructor(cacheDir: string) {
    this.#dir = join(cacheDir, 'kernels')
  }

  directory(id: string): string {
    return join(this.#dir, id)
  }

  /** A kernel that is there, whole; undefined for one that is not there, or damaged. */
  async whole(id: string): Promise<Manifest | undefined> {
    if (!existsSync(this.directory(id))) return undefined
    const manifest = await this.#read(id)
    return manifest && !this.#lostPart(manifest) ? manifest : undefined
  }

  /** Whether something is there that is no kernel any more. */
  async isDamaged(id: string): Promise<boolean> {
    return existsSync(this.directory(id)) && !(await this.whole(id))
  }

  /** The ids of kernels that are damaged. */
  async damaged(): Promise<string[]> {
    const ids = this.#ids()
    const found = await Promise.all(ids.map((id) => this.isDamaged(id)))
    return ids.filter((_, index) => found[index])
  }

  /** Gives a kernel whose files are not as they were built another name, so that it is built again. */
  setAside(id: string): void {
    setAside(this.directory(id))
  }

  /** The file of a kernel that has another content than it was built with. Reads all of it. */
  async changedPart({ id, imageSha256, files }: Manifest): Promise<KernelPart | undefined> {
    for (const part of files ? KERNEL_PARTS : (['image'] as const)) {
      const content = await readFile(join(this.directory(id), part)).catch(() => '')
      if (digest(content) !== (files?.[part].sha256 ?? imageSha256)) return part
    }
    return undefined
  }

  /** What has been left of kernels that came to nothing, and those that are damaged. */
  async leftovers(): Promise<{ dir: string; what: string }[]> {
    const left = this.#names().filter((name) => {
      const [found, pid] = LEFTOVER.exec(name) ?? []
      return found !== undefined && (pid === undefined || !processIdentity(Number(pid)))
    })
    return [
      ...left.map((name) => ({ dir: join(this.#dir, name), what: `kernel ${name}` })),
      ...(await this.damaged()).map((id) => ({
        dir: this.directory(id),
        what: `kernel ${id} (damaged)`,
      })),
    ]
  }

  /** The file that is not there, or not as long as it was; by a look at its size, for every run asks. */
  #lostPart({ id, files }: Manifest): KernelPart | undefined {
    return KERNEL_PARTS.find((part) => {
      const found = statOf(join(this.directory(id), part))
      if (!found?.isFile()) return true
      return files ? found.size !== files[part].bytes : found.size === 0
    })
  }

  #names(): string[] {
    return statOf(this.#dir)?.isDirectory() ? readdirSync(this.#dir) : []
  }

  async #read(id: string): Promise<Manifest | undefined> {
    const path = join(this.directory(id), 'manifest.json')
    return tryDecodeJson(textOf(path), isManifest)
  }

  /** The ids of kernels that are there, whole or not. */
  #ids(): string[] {
    return this.#names().filter((id) => ID.test(id))
  }

  /** Marks a kernel as used now: what is unused longest is cleaned first. */
  async touch(id: string): Promise<void> {
    const now = new Date()
    await utimes(join(this.directory(id), 'manifest.json'), now, now).catch(() => undefined)
  }

  async manifest(id: string): Promise<Manifest> {
    const manifest = await this.#read(id)
    if (manifest) return manifest
    throw new InfraError(
      'KERNEL',
      `${join(this.directory(id), 'manifest.json')} is damaged, or was written by another klab; remove it: klab kernel rm ${id}`,
    )
  }

  /** All kernels, last used first; what cannot be read is left out. */
  async list(): Promise<{ manifest: Manifest; usedAt: Date }[]> {
    const kernels = await Promise.all(
      this.#ids().map(async (id) => {
        const manifest = await this.whole(id)
        const found = statOf(join(this.directory(id), 'manifest.json'))
        return manifest && found ? [{ manifest, usedAt: found.mtime }] : []
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
    const lost = this.#lostPart(manifest)
    if (lost === undefined) return manifest
    throw new InfraError(
      'KERNEL',
      `kernel ${id} has lost its ${lost}, or a part of it; klab build makes it again, or klab kernel rm ${id} removes it`,
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

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path)
  } catch {
    // Not there, or a link to nothing.
    return undefined
  }
}
