import { withoutClones, type Frame } from '../../crash/index.ts'
import type { CrashView } from './list.ts'

/** What two crashes have in common, and what not. */
export interface Comparison {
  readonly isSame: boolean
  readonly fields: readonly {
    readonly name: string
    readonly one: string
    readonly other: string
  }[]
  /** The stacks side by side; absent is what only the other has. */
  readonly frames: readonly { readonly one?: string; readonly other?: string }[]
}

/** Compares two crashes. Pure. */
export function compareCrashes(one: CrashView, other: CrashView): Comparison {
  const releases = ({ seenBy }: CrashView) =>
    [...new Set(seenBy.map(({ release }) => release ?? '?'))].join(', ')
  const pick = (name: string, of: (crash: CrashView) => string) => ({
    name,
    one: of(one),
    other: of(other),
  })
  return {
    isSame: one.fingerprint === other.fingerprint,
    fields: [
      pick('title', ({ title }) => title),
      pick('kind', ({ kind }) => kind),
      pick('severity', ({ severity }) => severity),
      pick('function', (crash) => crash.function ?? '-'),
      pick('file', ({ guiltyFile }) => guiltyFile ?? '-'),
      pick('runs', ({ runs }) => String(runs)),
      pick('releases', releases),
      pick('first seen', ({ firstSeen }) => firstSeen),
      pick('last seen', ({ lastSeen }) => lastSeen),
    ],
    frames: sideBySide(namesOf(one.frames), namesOf(other.frames)),
  }
}

function namesOf(frames: readonly Frame[]): string[] {
  return frames.filter(({ unreliable }) => !unreliable).map(({ symbol }) => withoutClones(symbol))
}

/** The longest common subsequence of two lists, with what is between. */
function sideBySide(one: readonly string[], other: readonly string[]): Comparison['frames'] {
  // lengths[i][j]: of the longest one of what is left from i and j on. Stacks have 200 frames at most.
  const lengths = Array.from({ length: one.length + 1 }, () =>
    Array.from({ length: other.length + 1 }, () => 0),
  )
  const at = (i: number, j: number) => lengths[i]?.[j] ?? 0
  for (let i = one.length - 1; i >= 0; i--)
    for (let j = other.length - 1; j >= 0; j--)
      (lengths[i] ?? [])[j] =
        one[i] === other[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1))
  const rows: { one?: string; other?: string }[] = []
  let [i, j] = [0, 0]
  while (i < one.length || j < other.length) {
    const [left, right] = [one[i], other[j]]
    if (left !== undefined && left === right) {
      rows.push({ one: left, other: left })
      i++
      j++
    } else if (left !== undefined && (right === undefined || at(i + 1, j) >= at(i, j + 1))) {
      rows.push({ one: left })
      i++
    } else if (right !== undefined) {
      rows.push({ other: right })
      j++
    }
  }
  return rows
}
