import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'

import { bytesOf, elfSection, FormatError, InfraError } from '../../base/index.ts'
import { readModule } from './module-file.ts'

export interface LoadedModule {
  /** Relative to the directory of the modules, without the suffix of a compression. */
  readonly path: string
  readonly data: Buffer
}

/** With DWARF the largest module (amdgpu) has 400 MiB; packed, a few bytes may become as many as they like. */
const MAX_BYTES = 1024 * 1024 * 1024
const SUFFIX = /\.ko(?:\.(?:gz|xz|zst))?$/

/** The modules of one kernel, found by name as modprobe does. */
export class ModuleDirectory {
  readonly #dir: string
  readonly #paths: ReadonlyMap<string, string>

  /** What all that are loaded may have together, unpacked. */
  readonly #limit: number

  private constructor(dir: string, paths: ReadonlyMap<string, string>, limit: number) {
    this.#dir = dir
    this.#paths = paths
    this.#limit = limit
  }

  static async open(dir: string, limitBytes = MAX_BYTES): Promise<ModuleDirectory> {
    if (!existsSync(dir)) return new ModuleDirectory(dir, new Map(), limitBytes)
    const files = await readdir(dir, { recursive: true })
    const modules = files.filter((file) => SUFFIX.test(file))
    return new ModuleDirectory(
      dir,
      new Map(modules.map((file) => [moduleName(file), file])),
      limitBytes,
    )
  }

  has(name: string): boolean {
    return this.#paths.has(canonical(name))
  }

  /**
   * The named modules and all they depend on, dependencies first. What a module needs is read from itself (.modinfo),
   * so that a kernel unpacked from a package, without modules.dep, works too. Throws InfraError if one is missing.
   */
  async closure(names: readonly string[]): Promise<LoadedModule[]> {
    const loaded: LoadedModule[] = []
    let left = this.#limit
    // Noted before their dependencies are: modules of somebody else may well lead back to themselves.
    const seen = new Set<string>()
    const visit = async (name: string): Promise<void> => {
      const key = canonical(name)
      const file = this.#paths.get(key)
      if (seen.has(key)) return
      seen.add(key)
      if (file === undefined)
        throw new InfraError('MODULE', `there is no module ${name} in ${this.#dir}`)
      const data = await readModule(join(this.#dir, file), left)
      left -= data.length
      const info = modinfo(data, file)
      // A soft dependency may be missing, or built in.
      for (const soft of info.softBefore) if (this.has(soft)) await visit(soft)
      for (const needed of info.depends) await visit(needed)
      loaded.push({ path: file.replace(SUFFIX, '.ko'), data })
    }
    for (const name of names) await visit(name)
    return loaded
  }
}

/** `-` and `_` are the same in module names. */
function canonical(name: string): string {
  return name.replaceAll('-', '_')
}

function moduleName(file: string): string {
  return canonical(basename(file).replace(SUFFIX, ''))
}

function modinfoOf(data: Buffer, file: string): Buffer {
  let why = 'it has no .modinfo'
  try {
    const section = elfSection(bytesOf(data), '.modinfo')
    if (section) return section
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    why = error.message
  }
  throw new InfraError('MODULE', `${file} is not a kernel module: ${why}`)
}

function modinfo(data: Buffer, file: string): { depends: string[]; softBefore: string[] } {
  const section = modinfoOf(data, file)
  const entries = section.toString('latin1').split('\0')
  const values = (key: string) =>
    entries
      .filter((entry) => entry.startsWith(`${key}=`))
      .map((entry) => entry.slice(key.length + 1))
  const softBefore = values('softdep').flatMap((text) => {
    const [, behind = ''] = text.split('pre:')
    return (behind.split('post:')[0] ?? '').split(/[\s,]+/)
  })
  const split = (list: string[]) => list.filter((name) => name !== '')
  return {
    depends: split(values('depends').flatMap((text) => text.split(','))),
    softBefore: split(softBefore),
  }
}
