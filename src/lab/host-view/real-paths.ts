import { lstatSync, readdirSync, realpathSync, type Stats } from 'node:fs'

/** Paths without links, as rules need them. Most of what is asked for is not there: directories are read once, and what has no name in them is not looked at. */
export class RealPaths {
  readonly #directories = new Map<string, Directory | undefined>()

  /**
   * Where something is, or will be when it is made: of what is not there, the topmost part. A link is in two places,
   * its own and that of what it leads to. `*` in the last name stands for anything, also for nothing that is there yet.
   */
  of(path: string): string[] {
    const at = path.lastIndexOf('/')
    const parent = path.slice(0, at) || '/'
    const dir = this.#directory(parent)
    // Whoever makes the directory makes the secret in it.
    if (dir === undefined) return this.of(parent)
    const name = path.slice(at + 1)
    if (name.includes('*')) return [inside(dir, name), ...matching(dir, name).flatMap(withTarget)]
    const place = inside(dir, name)
    return dir.names?.has(name) === false ? [place] : withTarget(place)
  }

  /** Where a path leads to. */
  end(path: string): string {
    return this.of(path).at(-1) ?? path
  }

  #directory(path: string): Directory | undefined {
    if (this.#directories.has(path)) return this.#directories.get(path)
    const real = path === '/' ? path : this.#realDirectory(path)
    const known = real === undefined || real === path ? undefined : this.#directory(real)
    const dir = known ?? (real === undefined ? undefined : { path: real, names: namesIn(real) })
    this.#directories.set(path, dir)
    return dir
  }

  #realDirectory(path: string): string | undefined {
    const at = path.lastIndexOf('/')
    const parent = this.#directory(path.slice(0, at) || '/')
    const name = path.slice(at + 1)
    if (parent === undefined || parent.names?.has(name) === false) return undefined
    const own = inside(parent, name)
    const stats = look(own)
    if (stats?.isDirectory()) return own
    return stats?.isSymbolicLink()
      ? realPath(own).find((real) => look(real)?.isDirectory())
      : undefined
  }
}

interface Directory {
  readonly path: string
  /** Absent where we may not read it. */
  readonly names?: ReadonlySet<string> | undefined
}

/** Not by join: hundreds are asked for before each VM starts. */
function inside({ path }: Directory, name: string): string {
  return path === '/' ? `/${name}` : `${path}/${name}`
}

function matching(dir: Directory, pattern: string): string[] {
  const [start = '', end = ''] = pattern.split('*')
  return [...(dir.names ?? [])]
    .filter((name) => name.startsWith(start) && name.endsWith(end))
    .map((name) => inside(dir, name))
}

function withTarget(path: string): string[] {
  return look(path)?.isSymbolicLink() ? [path, ...realPath(path)] : [path]
}

/** Undefined for what is not there, and for what is not for us: then it is not for a guest either. */
function look(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false })
  } catch {
    return undefined
  }
}

function realPath(path: string): string[] {
  try {
    return [realpathSync.native(path)]
  } catch {
    return []
  }
}

function namesIn(dir: string): ReadonlySet<string> | undefined {
  try {
    return new Set(readdirSync(dir))
  } catch {
    return undefined
  }
}
