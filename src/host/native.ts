import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'

import { InfraError, newId, packagePath } from '../base/index.ts'
import { cacheFile, makeRoomFor } from './kept-file.ts'
import { describeExit, run } from './process.ts'

/** A small C program of ours: its sources in the package, and the binary that a release ships beside them. */
export interface NativeProgram {
  readonly name: string
  /** A library that is loaded into the programs of others is not static, and needs nothing that they do not have. */
  readonly kind: 'program' | 'preloaded'
  /** Directory of its *.c and *.h, relative to the package. */
  readonly sources: string
}

const COMMON = '-std=gnu11 -Os -Wall -Wextra -s'
const FLAGS = {
  program: `${COMMON} -static -ffunction-sections -fdata-sections -Wl,--gc-sections`,
  preloaded: `${COMMON} -shared -fPIC -nostdlib`,
} as const satisfies Record<NativeProgram['kind'], string>

/**
 * The path of the compiled program: shipped with the package, from the cache, or built now (0.2 s). The cache is keyed
 * by the content of the sources, so a change is never missed.
 */
export async function nativeProgram(program: NativeProgram, cacheDir: string): Promise<string> {
  const files = sourceFiles(program)
  const id = sourceId(program, files)
  const shipped = packagePath('dist', 'native', `${program.name}-${process.arch}-${id}`)
  if (existsSync(shipped)) return shipped
  // A cache may be on a file system that machines of several architectures share.
  const cached = join(cacheDir, 'native', `${program.name}-${process.arch}-${id}`)
  if (intact.has(cached) ? !existsSync(cached) : !isIntact(cached)) {
    makeRoomFor(cached)
    await compile(program, files, cached)
    await cacheFile(sealPath(cached), stateOf(cached))
  }
  intact.add(cached)
  return cached
}

/** Looked at by this process before. */
const intact = new Set<string>()

/** Whether a binary is as it was compiled, as far as size and time tell: one that is damaged is compiled again. */
function isIntact(path: string): boolean {
  try {
    return readFileSync(sealPath(path), 'utf8') === stateOf(path)
  } catch {
    return false
  }
}

function stateOf(path: string): string {
  const { size, mtimeMs } = statSync(path)
  return `${size} ${mtimeMs}`
}

function sealPath(path: string): string {
  return `${path}.seal`
}

/** Where a release build puts the binary of a program (see `shipped` above). */
export function shippedPath(program: NativeProgram): string {
  const id = sourceId(program, sourceFiles(program))
  return packagePath('dist', 'native', `${program.name}-${process.arch}-${id}`)
}

export async function compileTo(program: NativeProgram, target: string): Promise<void> {
  await compile(program, sourceFiles(program), target)
}

function sourceFiles({ sources }: NativeProgram): string[] {
  const dir = packagePath(sources)
  return readdirSync(dir)
    .filter((file) => /\.[ch]$/.test(file))
    .toSorted()
    .map((file) => join(dir, file))
}

/** By the files: within a process they are read once. */
const ids = new Map<string, string>()

function sourceId({ kind }: NativeProgram, files: readonly string[]): string {
  const known = ids.get(files.join())
  if (known !== undefined) return known
  const hash = createHash('sha256').update(FLAGS[kind])
  for (const file of files) hash.update(readFileSync(file))
  const id = hash.digest('hex').slice(0, 16)
  ids.set(files.join(), id)
  return id
}

/** As strerror(3) and strsignal(3) say it. */
const NO_ROOM =
  /No space left on device|Disk quota exceeded|File (?:too large|size limit exceeded)|Read-only file system/

async function compile(
  { name, kind }: NativeProgram,
  files: readonly string[],
  target: string,
): Promise<void> {
  // Also of one process two may be at it: runs that are repeated go several at a time.
  const temporary = `${target}.${newId()}.tmp`
  const sources = files.filter((file) => file.endsWith('.c'))
  // In words that are known here.
  const { exit, stderr } = await run('env', [
    ...['LC_ALL=C', 'gcc', ...FLAGS[kind].split(' '), '-o', temporary, ...sources],
  ])
  if (exit.kind !== 'exited' || exit.code !== 0) {
    await rm(temporary, { force: true })
    const noRoom = NO_ROOM.exec(stderr)?.[0]
    if (noRoom !== undefined)
      throw new InfraError(
        'COMPILE',
        `cannot write ${target}: ${noRoom}; make room there, or raise the limit (ulimit -f)`,
      )
    throw new InfraError(
      'COMPILE',
      `cannot compile klab's ${name} with gcc: ${describeExit(exit)}; install gcc and the static C library (klab doctor --fix)`,
      { details: stderr.trim().split('\n').slice(0, 5) },
    )
  }
  // Two processes may build it at once: both make the same file, and either may win.
  await rename(temporary, target)
}
