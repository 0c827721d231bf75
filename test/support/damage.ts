import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'

import type { KlabResult } from './klab.ts'

/** The same numbers, from 0 to 1, for the same seed. */
export type Random = () => number

export function randomFrom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

/** What becomes of a file. Each makes another file of its name: the one that was there may have a second name, in the sound home. */
export const DAMAGES = {
  truncated: (path, _random) => {
    const half = readFileSync(path).subarray(0, Math.floor(lstatSync(path).size / 2))
    rmSync(path)
    writeFileSync(path, half)
  },
  emptied: (path) => {
    rmSync(path)
    writeFileSync(path, '')
  },
  noise: (path, random) => {
    // No longer than a few pages: the places that matter are at the beginning.
    const bytes = readFileSync(path)
    const noise = Buffer.from(bytes.subarray(0, 8192).map(() => Math.floor(random() * 256)))
    rmSync(path)
    writeFileSync(path, Buffer.concat([noise, bytes.subarray(8192)]))
  },
  'a directory': (path) => {
    rmSync(path)
    mkdirSync(path)
    writeFileSync(join(path, 'of somebody'), 'else')
  },
  // Root may read all that can be read; this, nobody can.
  unreadable: (path) => {
    rmSync(path)
    symlinkSync(basename(path), path)
  },
  gone: (path) => rmSync(path),
} as const satisfies Record<string, (path: string, random: Random) => void>

export type Damage = keyof typeof DAMAGES

/** All files of a home, by their paths in it, without what belongs to Node. */
export function filesOf(home: string): string[] {
  return readdirSync(home, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(home.length + 1))
    .filter((path) => !path.startsWith('cache/code/'))
    .toSorted()
}

/** Damages a file as it was found; one that is empty has nothing to be cut off. */
export function damage(path: string, what: Damage, random: Random): void {
  if (existsSync(path)) DAMAGES[what](path, random)
}

/** What no user should see of a klab that met with damage; undefined when it answered as it should. */
export function complaintAbout(
  { code, signal, stderr }: KlabResult,
  allowed: readonly number[] = [0, 2, 125],
): string | undefined {
  if (signal !== null) return `it was ended by ${signal}`
  if (code === null || !allowed.includes(code)) return `it exited with ${code}`
  const trace = /^\s+at .*[:(]\d+|this is a bug in klab|Unhandled|Uncaught|node:internal/m
  if (trace.test(stderr)) return 'it printed a stack trace'
  const said = stderr.split('\n').filter((line) => line.startsWith('klab: '))
  if (code === 125 && said.length === 0) return 'it said nothing of why'
  return undefined
}
