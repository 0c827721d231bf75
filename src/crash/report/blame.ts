import { isMachinery, roleBeneath, roleOf } from '../roles/role.ts'
import type { Role } from '../roles/rules.ts'
import type { Search, Step } from '../rows/rows.ts'
import { demangle } from './demangle.ts'
import { namesOf, withoutClones } from './symbol-names.ts'
import { startsTrace } from './trace.ts'
import { mentionsIn, type Mention } from './walk.ts'

/** The function to blame, as it is called and under other names that it may be known by. */
export interface Blamed {
  readonly name: string
  readonly otherNames: readonly string[]
}

/** A function that was looked at on the way. */
export interface Considered {
  readonly name: string
  readonly role: Role | undefined
  /** Why it was passed over; undefined for those that may be to blame. */
  readonly passed: 'role' | 'row' | undefined
}

export interface Blame {
  /** Undefined when the report does not name one. */
  readonly blamed: Blamed | undefined
  /** It, as the report has it. */
  readonly picked: string | undefined
  readonly considered: readonly Considered[]
}

/** For what has nobody to blame. */
export const NOBODY: Blame = { blamed: undefined, picked: undefined, considered: [] }

/** Finds the function to blame in a report, and says on the way to it what was passed over. */
export function findBlame(lines: readonly string[], search: Search): Blame {
  const considered: Considered[] = []
  for (const steps of [search.steps, search.otherwise]) {
    if (!steps) continue
    const seen = looked(lines, steps, search)
    considered.push(...seen)
    const picked = PICKS[search.pick ?? 'first'](seen.filter(({ passed }) => passed === undefined))
    if (picked !== undefined) return { blamed: blamed(picked, search.pick), picked, considered }
  }
  // What has no trace at all is cut off.
  for (const line of search.lastly && lines.some(startsTrace) ? lines : []) {
    const name = search.lastly?.exec(line)?.[1]
    if (name === undefined) continue
    const picked = nameOf(name)
    return { blamed: blamed(picked, undefined), picked, considered }
  }
  return { ...NOBODY, considered }
}

/** All functions that the steps lead to, judged; none when the first of them that may be to blame is of an injected failure. */
function looked(lines: readonly string[], steps: readonly Step[], search: Search): Considered[] {
  const seen: Considered[] = []
  const mentions = mentionsIn(lines, steps)
  for (const [at, mention] of mentions.entries()) {
    if (mention !== 'injected') seen.push(judged(mention, mentions[at + 1], search))
    else if (!seen.some(({ passed }) => passed === undefined)) return []
  }
  return seen
}

function judged(
  { symbol, module }: Mention,
  caller: Mention | 'injected' | undefined,
  { skip, pick }: Search,
): Considered {
  const name = nameOf(symbol)
  const role =
    roleOf(name, module) ??
    (module === undefined ? roleBeneath(name, roleOfMention(caller)) : undefined)
  // A stall ends where the kernel begins.
  const isPassed = isMachinery(role) && !(pick === 'stalled' && role === 'entry')
  const passed = isPassed
    ? 'role'
    : pick === undefined && isSkipped(name, module, skip)
      ? 'row'
      : undefined
  return { name, role, passed }
}

/** The names of rows are those of the kernel's image, and parts of them: a module's function has to be called just so. */
function isSkipped(name: string, module: string | undefined, skip: RegExp | undefined): boolean {
  const [found] = skip?.exec(name) ?? []
  return found !== undefined && (module === undefined || found === name)
}

function roleOfMention(mention: Mention | 'injected' | undefined): Role | undefined {
  if (mention === undefined || mention === 'injected') return undefined
  return roleOf(nameOf(mention.symbol), mention.module)
}

function nameOf(symbol: string): string {
  return demangle(symbol.replace(/^__cfi_/, '')) ?? withoutClones(symbol)
}

const WAITS_FOR_READERS = /^synchronize_(?:rcu|srcu|net|sched)/

/** Buckets: these are one thing, whichever of them was found. */
const FAMILIES: readonly (readonly [RegExp, string])[] = [
  [/^smp_call_function/, 'smp_call_function'],
  [WAITS_FOR_READERS, 'synchronize_rcu'],
]

function blamed(symbol: string, how: Search['pick']): Blamed {
  const family = how && FAMILIES.find(([match]) => match.test(symbol))?.[1]
  if (family !== undefined) return { name: family, otherNames: family === symbol ? [] : [symbol] }
  const [name = symbol, ...otherNames] = namesOf(symbol)
  return { name, otherNames }
}

/** Which of those that may be to blame it is; undefined for none of them. */
const PICKS: Readonly<Record<'first' | 'stalled' | 'waiting', Pick>> = {
  first: ([first]) => first?.name,
  stalled: stalledIn,
  waiting: waitingIn,
}

type Pick = (seen: readonly Considered[]) => string | undefined

/**
 * A stall is found wherever in its loop the timer happened to hit. What tells it from others is deeper: the function that was called
 * by one that calls everybody, and tells nothing yet.
 */
function stalledIn(seen: readonly Considered[]): string | undefined {
  let before = seen[0]?.name
  for (const [at, { name, role }] of seen.entries()) {
    if (name.startsWith('smp_call_function')) return name
    if (role === 'dispatch' || role === 'entry') {
      if (at > 0) return before
      if (!name.endsWith('_compat_ioctl')) return role === 'dispatch' ? name : undefined
    }
    before = name
  }
  return undefined
}

/** How tasks wait, by names: what the roles do not know. */
const WAITING = /sched|_lock|down|rwsem|wait|completion|kthread|synchronize|context_switch/

/** Who waits, not how. */
function waitingIn(seen: readonly Considered[]): string | undefined {
  const names = seen.map(({ name }) => name)
  return (
    names.find((name) => name === 'rtnl_lock') ??
    names.find((name) => WAITS_FOR_READERS.test(name)) ??
    names.find((name) => !WAITING.test(name))
  )
}
