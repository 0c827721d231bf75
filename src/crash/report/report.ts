import { collect } from './collect.ts'
import { readTornLine } from './console-line.ts'
import { TORN } from './damage.ts'
import { circumstancesOf, type Circumstances } from './facts.ts'
import { fingerprintOf, framesOf } from './fingerprint.ts'
import { kindOf, type BugKind } from '../rows/kinds.ts'
import { openingOf } from '../rows/openings.ts'
import { stableTitle } from './stable-title.ts'
import { nameReport, type Named } from './title.ts'
import type { Frame } from './trace.ts'

/** One kernel complaint found on a console. */
export interface CrashReport {
  readonly title: string
  /** Other titles under which the same bug may be known. */
  readonly otherTitles: readonly string[]
  readonly kind: BugKind | undefined
  /** The function to blame. */
  readonly function: string | undefined
  /** Why it cannot be trusted: it is cut off, or another one is mixed in. */
  readonly damage: string | undefined
  /** The kernel went on to panic. */
  readonly panicked: boolean
  /** Not the kernel's fault: it was made to run out of memory, or the like. */
  readonly suppressed: boolean
  /** The program of a fuzzer that did it, from its name. */
  readonly executor: { readonly process: number; readonly id: number } | undefined
  readonly circumstances: Circumstances
  /** The first trace. */
  readonly frames: readonly Frame[]
  /** The same for all reports of one bug. */
  readonly fingerprint: string
  /** The report without what printk and others put before and between its lines. */
  readonly text: string
}

/** The complaint that begins at a line of a log; undefined when none does. */
export function readReport(raw: readonly string[], first: number): CrashReport | undefined {
  const line = readTornLine(raw[first] ?? '')
  const opening = openingOf(line.text)
  // Those lines were all printed before.
  if (!opening || raw[first + 1]?.includes('** replaying previous printk message **'))
    return undefined
  return finish(nameReport(collect(raw, first, line), opening), raw, first)
}

/** The kernel did what it was told: lib/oom, the fuzzer itself. */
const SUPPRESSED =
  /panic: failed to (?:start executor binary|create temp dir)|(?:^|\n)runtime: out of memory|\*\*\* stack smashing detected \*\*\*: terminated|SYZFAIL: SIGBUS|fatal error: (?:runtime: out of memory|unexpected signal during runtime execution|runtime: cannot allocate memory)|Out of memory: Kill(?:ed)? process .*\((?:sshd|syz-\w+|ksoftirqd)|Kernel panic - not syncing: Out of memory/

function finish(named: Named, raw: readonly string[], first: number): CrashReport {
  const title = stableTitle(named.title)
  const text = [...named.before, ...named.lines].join('\n')
  const frames = framesOf(named.own)
  const executor = / Comm: syz\.(\d+)\.(\d+) |\/(?:\d+) .*CPU#\d+: syz\.(\d+)\.(\d+)\//.exec(text)
  return {
    title,
    otherTitles: [...new Set(named.otherTitles.map(stableTitle))]
      .filter((other) => other !== title)
      .toSorted(),
    kind: kindOf(title),
    function: /.* in (<.*>::\w+|[a-zA-Z0-9_]+)/.exec(title)?.[1],
    damage: TORN.test(title) ? 'torn' : named.damage,
    panicked: raw
      .slice(first, named.end)
      .some((line) => line.includes('Kernel panic - not syncing')),
    suppressed: SUPPRESSED.test(text),
    executor: executor
      ? { process: Number(executor[1] ?? executor[3]), id: Number(executor[2] ?? executor[4]) }
      : undefined,
    circumstances: circumstancesOf(text),
    frames,
    fingerprint: fingerprintOf(title, frames),
    text,
  }
}
