import { createHash } from 'node:crypto'
import { createReadStream, existsSync, readdirSync } from 'node:fs'
import { lstat, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'

import { InfraError } from '../../base/index.ts'
import { LAUNCHER, nativeProgram, runOk } from '../../host/index.ts'
import { archFacts, type Arch } from '../arch/arch.ts'
import type { Tree } from './tree.ts'

export interface TreeState {
  /** Git's id of the checked-out tree, or `plain` with the digest of a tree without git. */
  readonly treeId: string
  /** Commit of a git tree. */
  readonly commit?: string
  /** Digest of all uncommitted changes and untracked files; absent when there are none. */
  readonly dirty?: string
}

/** Uncommitted files beyond this many are a sign of something else (a build inside the tree). */
const MAX_DIRTY_FILES = 20_000

/** What the sources are now, as far as kernels of an architecture are made of them. Reads only; git's index is not even refreshed. */
export async function treeState(
  tree: Tree,
  { arch, cacheDir }: { readonly arch: Arch; readonly cacheDir: string },
): Promise<TreeState> {
  if (tree.kind === 'git') return await gitState(tree)
  const launcher = await nativeProgram(LAUNCHER, cacheDir)
  const listing = await runOk(launcher, ['--tree', tree.path, ...notBuilt(tree, arch)])
  return { treeId: `plain-${listing.trim()}` }
}

async function gitState({ path }: Tree): Promise<TreeState> {
  const git = (...args: string[]) => runOk('git', ['--no-optional-locks', '-C', path, ...args])
  const [ids, status] = await Promise.all([
    git('rev-parse', 'HEAD', 'HEAD^{tree}'),
    git('status', '--porcelain=v1', '-z', '--no-renames', '--untracked-files=all'),
  ])
  const [commit = '', treeId = ''] = ids.split('\n')
  const changed = status.split('\0').filter((entry) => entry !== '')
  if (changed.length > MAX_DIRTY_FILES) {
    throw new InfraError(
      'TREE',
      `${path} has ${changed.length} uncommitted files; clean it or commit them`,
    )
  }
  if (changed.length === 0) return { treeId, commit }
  return { treeId, commit, dirty: await contentDigest(path, changed) }
}

/** Of `XY path` entries: what is said of each file, and its content. */
async function contentDigest(root: string, entries: readonly string[]): Promise<string> {
  const hash = createHash('sha256')
  for (const entry of entries) {
    const path = join(root, entry.slice(3))
    hash.update(`${entry}\0`)
    const info = await lstat(path).catch(() => undefined)
    if (info?.isSymbolicLink()) hash.update(await readlink(path))
    else if (info?.isFile()) {
      hash.update(`${info.mode & 0o111}\0`)
      await pipeline(createReadStream(path), hash, { end: false })
    }
  }
  return hash.digest('hex')
}

/** Directories of programs that are built apart from a kernel. */
const PROGRAMS = ['tools/perf', 'tools/testing']

/**
 * Directories of a tree that are not looked at for a kernel of an architecture, a third of all files: other architectures, texts (but not the
 * files beside them: Kconfig sources Documentation/Kconfig), and programs; nor is what git keeps of a tree that it knows no commit of. Without git, the files' names, sizes, times and modes stand for their content:
 * reading a gigabyte takes seconds, and `make` itself trusts times.
 */
function notBuilt({ path }: Tree, arch: Arch): string[] {
  const below = (dir: string) =>
    existsSync(join(path, dir))
      ? readdirSync(join(path, dir), { withFileTypes: true })
          .filter((entry) => entry.isDirectory())
          .map(({ name }) => join(dir, name))
      : []
  const own = join('arch', archFacts(arch).directory)
  const others = below('arch').filter((dir) => dir !== own)
  return [...others, ...below('Documentation'), ...PROGRAMS, '.git']
}
