import { existsSync, realpathSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

import { InfraError } from '../../base/index.ts'
import { run, textOutside } from '../../host/index.ts'
import { archFacts, DEFAULT_ARCH } from '../arch/arch.ts'

/** A kernel source checkout. */
export interface Tree {
  /** Absolute, links resolved. */
  readonly path: string
  /** `6.1.192`. */
  readonly version: string
  readonly kind: 'git' | 'plain'
  /** It was configured or built in itself: `make O=` refuses it until it is cleaned. */
  readonly inPlace: boolean
}

/** The tree at a directory, or above it. Undefined if there is none. */
export async function findTree(from: string): Promise<Tree | undefined> {
  for (let dir = resolve(from); ; dir = dirname(dir)) {
    if (isTree(dir)) return await describeTree(dir)
    if (dir === dirname(dir)) return undefined
  }
}

/** The tree at exactly this directory. Throws InfraError if it is none. */
export async function treeAt(path: string): Promise<Tree> {
  if (!existsSync(path)) throw new InfraError('TREE', `there is no directory ${path}`)
  if (isTree(path)) return await describeTree(path)
  const missing = existsSync(join(path, 'Makefile')) ? 'Kconfig and scripts/' : 'Makefile'
  throw new InfraError('TREE', `${path} is not a kernel tree: it has no ${missing}`)
}

function isTree(dir: string): boolean {
  return (
    ['Makefile', 'Kconfig', 'init/main.c', 'scripts/kconfig'].every((file) =>
      existsSync(join(dir, file)),
    ) && makefileVersion(dir) !== undefined
  )
}

async function describeTree(dir: string): Promise<Tree> {
  const path = realpathSync(dir)
  const version = makefileVersion(path) ?? 'unknown'
  const { directory } = archFacts(DEFAULT_ARCH)
  const inPlace = ['.config', 'include/config', `arch/${directory}/include/generated`].some(
    (file) => existsSync(join(path, file)),
  )
  return { path, version, kind: (await isGitTree(path)) ? 'git' : 'plain', inPlace }
}

/** That of 6.18 has 70 KiB. */
const MAX_MAKEFILE = 4 * 1024 * 1024

function makefileVersion(dir: string): string | undefined {
  let head: string
  try {
    head = textOutside(join(dir, 'Makefile'), MAX_MAKEFILE).slice(0, 2000)
  } catch {
    // What is no file is no kernel's.
    return undefined
  }
  const part = (name: string) => new RegExp(`^${name} *= *(.*)$`, 'm').exec(head)?.[1]?.trim()
  const [major, minor] = [part('VERSION'), part('PATCHLEVEL')]
  if (!major || minor === undefined) return undefined
  const patch = part('SUBLEVEL')
  return `${major}.${minor}${patch ? `.${patch}` : ''}${part('EXTRAVERSION') ?? ''}`
}

/** Whether git knows the tree as such; one that lies inside somebody's other repository is a plain tree. */
async function isGitTree(path: string): Promise<boolean> {
  // A .git of the tree itself, or of a directory above it (then git says how far).
  if (!existsSync(join(path, '.git'))) return false
  const git = ['git', '-C', path, 'rev-parse', '--show-toplevel', 'HEAD']
  const { exit, stdout, stderr } = await run('env', ['LC_ALL=C', ...git])
  // Taken for a tree without git, it would be built again whenever git touches its own files.
  if (stderr.includes('dubious ownership'))
    throw new InfraError(
      'TREE',
      `git does not trust ${path}, which belongs to somebody else; if you do: git config --global --add safe.directory ${path}`,
    )
  if (exit.kind !== 'exited' || exit.code !== 0) return false
  const top = stdout.split('\n')[0] ?? ''
  return statSync(top).ino === statSync(path).ino
}
