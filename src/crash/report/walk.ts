import { TRAPPED, type Step } from '../rows/rows.ts'
import { moduleIn, readFrame, startsTrace } from './trace.ts'

/** A function that a report names on the way to the one to blame. */
export interface Mention {
  readonly symbol: string
  readonly module: string | undefined
}

/** arm: `[<address>] (f) from [<address>] (caller+0x1/0x2)` */
const CALLED_FROM = / from (?:\[<[0-9a-f]+>\] )?\(?([A-Za-z_][\w.]*)\+0x/

/** lib/fault-inject.c */
const INJECTED = /\bshould_fail(?:slab|_alloc_page)?(?:\.\w+)*\+0x/

/**
 * The functions that a report names, as the steps lead to them. `injected` stands where somebody made an allocation fail: that trace is
 * of another matter, mixed in.
 */
export function mentionsIn(
  lines: readonly string[],
  steps: readonly Step[],
): (Mention | 'injected')[] {
  const mentions: (Mention | 'injected')[] = []
  let at = 0
  for (const step of steps) {
    if (typeof step === 'object' && 'needed' in step) {
      const line = lines.findIndex(
        (one, index) => index >= at && (step.needed.test(one) || step.before?.test(one)),
      )
      if (line < 0 || !step.needed.test(lines[line] ?? '')) return mentions
      at = line + 1
      continue
    }
    const { found, next } = step === 'frames' ? framesAt(lines, at) : lineAt(lines, at, step)
    mentions.push(...found)
    at = next
  }
  return mentions
}

interface Stretch {
  readonly found: readonly (Mention | 'injected')[]
  /** The line to go on with. */
  readonly next: number
}

function lineAt(lines: readonly string[], from: number, step: RegExp): Stretch {
  let isInjected = false
  for (let at = from; at < lines.length; at++) {
    const line = lines[at] ?? ''
    isInjected ||= INJECTED.test(line)
    const match = step.exec(line)
    if (!match) continue
    const [, symbol] = match
    const found: (Mention | 'injected')[] = isInjected ? ['injected'] : []
    if (symbol !== undefined) found.push({ symbol, module: moduleIn(line) })
    return { found, next: at + 1 }
  }
  // What was not there does not hide what follows.
  return { found: [], next: from }
}

/** The frames up to where another trace begins: that one is about something else. `stack backtrace:` is followed by `Call Trace:`. */
function framesAt(lines: readonly string[], from: number): Stretch {
  const found: (Mention | 'injected')[] = []
  for (let at = from; at < lines.length; at++) {
    const line = lines[at] ?? ''
    if (startsTrace(line)) {
      if (found.length > 0) return { found, next: at }
      continue
    }
    if (INJECTED.test(line)) return { found: [...found, 'injected'], next: at }
    const symbol = TRAPPED.exec(line)?.[1] ?? readFrame(line)?.symbol
    if (symbol === undefined) continue
    found.push({ symbol, module: moduleIn(line) })
    const caller = CALLED_FROM.exec(line)?.[1]
    if (caller !== undefined) found.push({ symbol: caller, module: moduleIn(line) })
  }
  return { found, next: lines.length }
}
