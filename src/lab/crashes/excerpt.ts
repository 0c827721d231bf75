import { realpathSync, statSync } from 'node:fs'
import { join, sep } from 'node:path'

import { textOutside } from '../../host/index.ts'
import type { Manifest } from '../../kernel/index.ts'

/** A line of a source file. */
export interface SourceLine {
  readonly number: number
  readonly text: string
}

/** The lines around the place to blame. */
export interface Excerpt {
  readonly file: string
  readonly line: number
  readonly lines: readonly SourceLine[]
  /** The tree has another text now than when the kernel was built. */
  readonly isChanged: boolean
}

const LINES_AROUND = 5
/** The largest headers of the kernel have 25 MiB. */
const MAX_SOURCE = 64 * 1024 * 1024
/** A line of another file than one of sources may be all of it. */
const MAX_LINE = 1_000

/** Where a source file is that a report names; undefined when that is not in the tree, whatever leads out of it: a guest may have written the report. */
export function placeInTree(tree: string, file: string): string | undefined {
  try {
    const path = realpathSync(join(tree, file))
    return path.startsWith(realpathSync(tree) + sep) ? path : undefined
  } catch {
    // The tree is not there any more, or has no such file.
    return undefined
  }
}

/** The lines around the place to blame; undefined where they cannot be had. */
export function excerptOf(
  text: string,
  file: string | undefined,
  kernel: Pick<Manifest, 'tree' | 'createdAt'> | undefined,
): Excerpt | undefined {
  const at = file === undefined ? -1 : text.indexOf(` ${file}:`)
  if (file === undefined || at < 0 || !kernel) return undefined
  const line = Number.parseInt(text.slice(at + file.length + 2), 10)
  const path = placeInTree(kernel.tree, file)
  if (path === undefined) return undefined
  try {
    const all = textOutside(path, MAX_SOURCE).split('\n')
    const first = Math.max(1, line - LINES_AROUND)
    const lines = all
      .slice(first - 1, line + LINES_AROUND)
      .map((one, index) => ({ number: first + index, text: one.slice(0, MAX_LINE) }))
    const isChanged = statSync(path).mtimeMs > Date.parse(kernel.createdAt)
    return line > all.length ? undefined : { file, line, lines, isChanged }
  } catch {
    return undefined
  }
}
