import { findBlamed, type Blamed } from './blame.ts'
import { isCpu, readTornLine, type ConsoleLine } from './console-line.ts'
import { damageOf, TORN } from './damage.ts'
import { circumstancesOf, type Circumstances } from './facts.ts'
import { fingerprintOf, framesOf } from './fingerprint.ts'
import { kindOf, type BugKind } from '../rows/kinds.ts'
import { openingOf, type Opening } from '../rows/openings.ts'
import type { Row } from '../rows/rows.ts'
import { stableTitle } from './title.ts'
import { isQuestionable, type Frame } from './trace.ts'

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
  return finish(nameReport(collect(raw, first, { opening, line }), opening), raw, first)
}

interface Opened {
  readonly opening: Opening
  readonly line: ConsoleLine
}

/** The lines of one report. */
interface Collected {
  readonly before: readonly string[]
  readonly lines: readonly string[]
  /** Its lines up to where another report begins. */
  readonly own: readonly string[]
  readonly end: number
}

/** What a report has of the lines before it: a line drawn above, what the kernel was doing. */
const LINES_BEFORE = { task: 50, other: 5 }
/** A panic that comes this late says nothing new of the report. */
const LATE_PANIC = { KMSAN: 16, other: 22 }

function collect(raw: readonly string[], first: number, { line }: Opened): Collected {
  const { context } = line
  // What the unwinder did not find is not told, but where an interrupt came.
  const keeps = (text: string) => !isQuestionable(text) || text.includes('<EOI>')
  const most = context.startsWith('T') ? LINES_BEFORE.task : LINES_BEFORE.other
  const before: string[] = []
  for (let at = first - 1; at >= 0 && before.length < most; at--) {
    const earlier = readTornLine(raw[at] ?? '')
    if (earlier.context === context && keeps(earlier.text)) before.unshift(earlier.text)
  }
  const lines: string[] = []
  let own: number | undefined
  let end = first + 1
  let othersToo = false
  let isLate = false
  const late = line.text.includes('KMSAN') ? LATE_PANIC.KMSAN : LATE_PANIC.other
  for (let at = first; at < raw.length; at++) {
    const { text, context: whose } = at === first ? line : readTornLine(raw[at] ?? '')
    const other = at > first ? openingOf(text) : undefined
    if (other) end = at + 1
    if (whose !== context && !(othersToo && isCpu(whose))) continue
    if (other && own === undefined && !isCaller(context) && lines.length > 0 && !other.continues)
      own = lines.length
    if (own === undefined && at > first && !isCaller(context) && INFORMATION.test(text))
      own = lines.length
    if (text.includes('Sending NMI from CPU')) othersToo = true
    if (
      lines.length > late &&
      /Kernel panic - not syncing|possible circular locking dependency detected/.test(text)
    )
      isLate = true
    if (isLate || !keeps(text) || text.startsWith('Disabling lock debugging due to')) continue
    lines.push(text)
  }
  return { before, lines, own: own === undefined ? lines : lines.slice(0, own), end }
}

/** What prints a trace and is no complaint: lib/fault-inject.c, mm/vmalloc.c, mm/userfaultfd.c */
const INFORMATION =
  /vmalloc: allocation failure: |FAULT_INJECTION: forcing a failure|FAULT_FLAG_ALLOW_RETRY missing/

function isCaller(context: string): boolean {
  return /^[TC]\d/.test(context)
}

interface Named extends Collected {
  readonly title: string
  readonly otherTitles: readonly string[]
  readonly damage: string | undefined
}

function nameReport(collected: Collected, opening: Opening): Named {
  const { own } = collected
  const text = own.join('\n')
  const { best: found, isCut } = matchRow(text, opening.rows)
  if (!found) {
    const title = (own[0] ?? '').replace(/^.*?((?:BUG|WARNING|INFO): )/, '$1')
    const isComplete = /^(?:WARNING|BUG): /.test(title)
    return {
      ...collected,
      title,
      otherTitles: [],
      damage: isCut
        ? 'cut off'
        : title.startsWith('INFO: ')
          ? 'incomplete'
          : damageOf(own, { title, isComplete }),
    }
  }
  const { row, groups } = found
  const blamed = row.search && findBlamed(own.slice(lineOf(text, found.index)), row.search)
  const needed = [row.title, ...(row.also ?? [])].some((one) => one.includes('{F}'))
  const name: Blamed = blamed ?? { name: 'corrupted', otherNames: [] }
  const fill = (template: string, F: string) =>
    template.replaceAll(/\{(\w)\}/g, (_, key: string) =>
      key === 'F' ? F : (groups[Number(key)] ?? ''),
    )
  const damage = row.isDamaged
    ? 'incomplete'
    : needed && !blamed
      ? 'no frames'
      : damageOf(own, { title: '', isComplete: row.isComplete ?? false })
  return {
    ...collected,
    title: fill(row.title, name.name),
    otherTitles: [
      ...(row.also ?? []).map((one) => fill(one, name.name)),
      ...name.otherNames.flatMap((other) =>
        [row.title, ...(row.also ?? [])]
          .filter((one) => one.includes('{F}'))
          .map((one) => fill(one, other)),
      ),
    ],
    damage,
  }
}

function lineOf(text: string, index: number): number {
  let line = 0
  for (let at = text.indexOf('\n'); at >= 0 && at < index; at = text.indexOf('\n', at + 1)) line++
  return line
}

function matchRow(text: string, rows: readonly Row[]) {
  let best: { row: Row; index: number; groups: readonly string[] } | undefined
  let isCut = false
  for (const row of rows) {
    const match = row.match.exec(text)
    if (!match || (best && best.index <= match.index)) continue
    const body = row.body?.exec(text)
    // Another row may know it without; if none does, it is cut off.
    if (row.body && !body) isCut = true
    else best = { row, index: match.index, groups: body ?? match }
  }
  return { best, isCut }
}

/** The kernel did what it was told: lib/oom, the fuzzer itself. */
const SUPPRESSED =
  /panic: failed to (?:start executor binary|create temp dir)|fatal error: (?:runtime: out of memory|unexpected signal during runtime execution|runtime: cannot allocate memory)|Out of memory: Kill(?:ed)? process .*\((?:sshd|syz-\w+|ksoftirqd)|Kernel panic - not syncing: Out of memory/

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
