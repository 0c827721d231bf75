import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { gunzip, zstdDecompress } from 'node:zlib'

import { bytesOf, elfSection, FormatError, InfraError } from '../../base/index.ts'
import { start } from '../../host/index.ts'

export interface LoadedModule {
  /** Relative to the directory of the modules, without the suffix of a compression. */
  readonly path: string
  readonly data: Buffer
}

const SUFFIX = /\.ko(?:\.(?:gz|xz|zst))?$/

/** The modules of one kernel, found by name as modprobe does. */
export class ModuleDirectory {
  readonly #dir: string
  readonly #paths: ReadonlyMap<string, string>

  private constructor(dir: string, paths: ReadonlyMap<string, string>) {
    this.#dir = dir
    this.#paths = paths
  }

  static async open(dir: string): Promise<ModuleDirectory> {
    if (!existsSync(dir)) return new ModuleDirectory(dir, new Map())
    const files = await readdir(dir, { recursive: true })
    const modules = files.filter((file) => SUFFIX.test(file))
    return new ModuleDirectory(dir, new Map(modules.map((file) => [moduleName(file), file])))
  }

  has(name: string): boolean {
    return this.#paths.has(canonical(name))
  }

  /**
   * The named modules and all they depend on, dependencies first. What a module needs is read from itself (.modinfo),
   * so that a kernel unpacked from a package, without modules.dep, works too. Throws InfraError if one is missing.
   */
  async closure(names: readonly string[]): Promise<LoadedModule[]> {
    const loaded = new Map<string, LoadedModule>()
    const visit = async (name: string): Promise<void> => {
      const key = canonical(name)
      const file = this.#paths.get(key)
      if (loaded.has(key)) return
      if (file === undefined)
        throw new InfraError('MODULE', `there is no module ${name} in ${this.#dir}`)
      const data = await readModule(join(this.#dir, file))
      const info = modinfo(data, file)
      // A soft dependency may be missing, or built in.
      for (const soft of info.softBefore) if (this.has(soft)) await visit(soft)
      for (const needed of info.depends) await visit(needed)
      loaded.set(key, { path: file.replace(SUFFIX, '.ko'), data })
    }
    for (const name of names) await visit(name)
    return [...loaded.values()]
  }
}

/** `-` and `_` are the same in module names. */
function canonical(name: string): string {
  return name.replaceAll('-', '_')
}

function moduleName(file: string): string {
  return canonical(basename(file).replace(SUFFIX, ''))
}

async function readModule(path: string): Promise<Buffer> {
  const data = await readFile(path)
  if (path.endsWith('.gz')) return await promisify(gunzip)(data)
  if (path.endsWith('.zst')) return await promisify(zstdDecompress)(data)
  if (path.endsWith('.xz')) return await unxz(path)
  return data
}

async function unxz(path: string): Promise<Buffer> {
  const xz = start('xz', ['-dc', path], { stdio: ['ignore', 'pipe', 'pipe'] })
  const chunks: Buffer[] = []
  for await (const chunk of xz.stdout ?? []) chunks.push(chunk as Buffer)
  const exit = await xz.exited
  if (exit.kind === 'exited' && exit.code === 0) return Buffer.concat(chunks)
  throw new InfraError(
    'MODULE',
    `cannot decompress ${path}: xz is missing or failed; install xz-utils`,
  )
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
    const before = /pre:(.*?)(?:post:|$)/.exec(text)?.[1] ?? ''
    return before.split(/[\s,]+/)
  })
  const split = (list: string[]) => list.filter((name) => name !== '')
  return {
    depends: split(values('depends').flatMap((text) => text.split(','))),
    softBefore: split(softBefore),
  }
}
