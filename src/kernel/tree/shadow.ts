import { constants } from 'node:fs'
import { copyFile, lstat, mkdir, readFile, readlink, rm, symlink, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import { runOk, writeAtomically } from '../../host/index.ts'
import type { Tree } from './tree.ts'

/** What a build leaves in a tree by the thousand; the rest goes with `make mrproper`, the kernel's own knowledge. */
const PRODUCTS =
  /(?:\.(?:o|ko|a|cmd|mod|order|symvers|su|dwo)|\.mod\.c|^vmlinux(?:\.unstripped|\.map)?|^\.tmp_.*)$/

/**
 * A copy of the sources of a tree that was built in itself: `make O=` refuses such a tree, and cleaning it is not ours
 * to do. Kept in step by names, sizes and times, so only what changed is copied again.
 */
export async function syncShadow(tree: Tree, dir: string): Promise<string> {
  const copy = join(dir, 'source')
  const listPath = join(dir, 'source.list')
  const now = await listSources(tree.path)
  const before = await readListing(listPath)
  // What it holds is not known any more, and what was deleted in the tree must not stay in it.
  if (before.size === 0) await rm(copy, { recursive: true, force: true })
  const changed = [...now]
    .filter(([path, state]) => before.get(path) !== state)
    .map(([path]) => path)
  const gone = [...before.keys()].filter((path) => !now.has(path))
  await Promise.all(gone.map((path) => rm(join(copy, path), { force: true })))
  // Enough to keep the disk busy without opening thousands of files at once.
  for (let at = 0; at < changed.length; at += 64) {
    await Promise.all(changed.slice(at, at + 64).map((path) => copyOne(tree.path, copy, path)))
  }
  if (changed.length > 0) await runOk('make', ['-s', '-C', copy, 'mrproper'])
  await writeAtomically(listPath, [...now].map(([path, state]) => `${path}\0${state}\n`).join(''))
  return copy
}

const LISTED = /^(?!\/|(?:.*\/)?\.\.\/)[^\0]+\0\d+ [\d.]+$/

/** Empty for one that is not there, or damaged: its paths are removed without another look. */
async function readListing(path: string): Promise<Map<string, string>> {
  const text = await readFile(path, 'utf8').catch(() => '')
  // Without its last line feed it was cut off.
  const lines = text.endsWith('\n') ? text.slice(0, -1).split('\n') : ['']
  if (!lines.every((line) => LISTED.test(line))) return new Map()
  return new Map(lines.map((line) => line.split('\0') as [string, string]))
}

async function listSources(root: string): Promise<Map<string, string>> {
  // One that fails has listed a part, and what it did not list would be taken for deleted.
  const stdout = await runOk('find', [
    root,
    '(',
    '-name',
    '.git',
    '-prune',
    ')',
    '-o',
    '(',
    '-type',
    'f',
    '-o',
    '-type',
    'l',
    ')',
    '-printf',
    '%P\\0%s %T@\\n',
  ])
  const entries = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\0') as [string, string])
  return new Map(entries.filter(([path]) => !PRODUCTS.test(path.split('/').at(-1) ?? '')))
}

async function copyOne(from: string, to: string, path: string): Promise<void> {
  const [source, target] = [join(from, path), join(to, path)]
  await mkdir(dirname(target), { recursive: true })
  await rm(target, { force: true })
  const info = await lstat(source)
  if (info.isSymbolicLink()) {
    await symlink(await readlink(source), target)
    return
  }
  await copyFile(source, target, constants.COPYFILE_FICLONE)
  // make goes by times.
  await utimes(target, info.atime, info.mtime)
}
