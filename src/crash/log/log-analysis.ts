import { readTornLine } from '../report/console-line.ts'

/** How bad a line is: by its level where it has one, else by its words. */
export type LineClass = 'error' | 'warning' | 'other'

/** Lines that differ in numbers alone. */
export interface Pattern {
  /** Numbers, addresses and ids are `#`. */
  readonly pattern: string
  readonly class: LineClass
  /** Who says it: a driver, a device, a subsystem; empty when it does not tell. */
  readonly source: string
  readonly count: number
  readonly first: LinePlace
  /** Seconds of the kernel's clock between the first and the last; undefined without times. */
  readonly seconds: number | undefined
}

/** The first time that something was said. */
export interface LinePlace {
  /** From 1. */
  readonly line: number
  /** Seconds of the kernel's clock. */
  readonly at: number | undefined
  readonly text: string
}

/** A stage of a boot, and when it was reached. */
export interface BootPhase {
  readonly name: string
  readonly at: number
}

/** A time in which nothing was said. */
export interface Gap {
  readonly seconds: number
  readonly at: number
  /** The line before it: what took so long. */
  readonly after: string
}

export interface LogSummary {
  readonly lines: number
  /** Seconds of the kernel's clock from the first time to the last. */
  readonly seconds: number | undefined
  readonly errors: number
  readonly warnings: number
  /** Errors and warnings first, each class by count. */
  readonly patterns: readonly Pattern[]
  /** Lines whose patterns were one too many to remember. */
  readonly forgotten: number
  readonly phases: readonly BootPhase[]
  /** The longest first. */
  readonly gaps: readonly Gap[]
}

const MAX_PATTERNS = 20_000
const MAX_TEXT = 300
const GAPS = 5
/** Shorter ones tell nothing. */
const SHORTEST_GAP = 0.05

/** Landmarks of a boot, by what the kernel and init print (init/main.c, kernel/smp.c, arch/x86/…, systemd). */
const PHASES: readonly (readonly [string, RegExp])[] = [
  ['kernel starts', /^Linux version /],
  ['memory is up', /^Memory: \d+K\/\d+K available/],
  ['scheduler is up', /^Console: colour|^printk: console \[|^Calibrating delay loop/],
  ['all CPUs are up', /^smp: Brought up|^SMP: Total of|^Brought up \d+ CPUs/],
  ['drivers are loaded', /^Freeing unused (?:kernel|decrypted)/],
  ['init starts', /^Run \/\S+ as init process/],
  ['root is mounted', /^VFS: Mounted root|(?:EXT4|XFS|BTRFS)[\s\S]*: mounted filesystem/],
  ['systemd starts', /^systemd\[1\]: systemd \d+/],
  ['login', / login: $/],
]

const ERROR =
  /\b(?:errors?|fail(?:ed|s|ure|ing)?|cannot|can't|could not|couldn't|unable to|timed? ?out|invalid|corrupt(?:ed|ion)?|panic|oops|BUG|fatal|critical|denied|refused|I\/O error|not responding|broken|overflow|lost)\b/i
const WARNING =
  /\b(?:warn(?:ing)?s?|deprecated|obsolete|taint(?:s|ed|ing)?|unexpected|missing|not supported|unsupported|ignor(?:ed|ing)|disabl(?:ed|ing) due|firmware bug|retry(?:ing)?|slow|stall|throttl(?:ed|ing)|spurious|mismatch)\b/i
/** Lines that only name options or count nothing. */
const HARMLESS =
  /^ {0,9}(?:\? )?[\w.]{1,100}\+0x|Not tainted|report a bug|^Command line:|^Kernel command line:|\b(?:0|no) errors?\b|error (?:detection|reporting|correction)|errors?=remount/i

/** `<3>` of a raw log: error, critical, alert, emergency; 4 is warning (include/linux/kern_levels.h). */
const LEVEL = /^<(\d+)>/
const TIME = /\[ *(\d+\.\d+)\]/
/** `usb 1-1: `, `e1000e 0000:00:1f.6 eth0: `, `ata1.00: `, `EXT4-fs (sda1): ` */
const SOURCE = /^([A-Za-z][\w./-]*(?:\[\d+\])?(?: \([\w./-]+\)| [A-Za-z_:.-]*\d[\w:.-]*)*): /

interface Counted {
  class: LineClass
  source: string
  count: number
  first: LinePlace
  last: number | undefined
}

/** Counts what is said in a log, line by line, in constant memory. */
export class LogAnalysis {
  readonly #patterns = new Map<string, Counted>()
  readonly #phases: BootPhase[] = []
  #gaps: Gap[] = []
  #lines = 0
  #errors = 0
  #warnings = 0
  #forgotten = 0
  #start: number | undefined
  #last: { at: number; text: string } | undefined

  line(raw: string): void {
    this.#lines++
    const short = raw.slice(0, MAX_TEXT)
    const level = LEVEL.exec(short)?.[1]
    const time = TIME.exec(short)?.[1]
    const at = time === undefined ? undefined : Number(time)
    const { text } = readTornLine(short)
    if (at !== undefined) this.#clock(at, text)
    if (text.trim() === '') return
    const kind = classOf(text, level)
    if (kind === 'error') this.#errors++
    if (kind === 'warning') this.#warnings++
    this.#count(text, kind, at)
  }

  summary(): LogSummary {
    const order: readonly LineClass[] = ['error', 'warning', 'other']
    const patterns = [...this.#patterns].map(([pattern, { last, first, ...one }]) => ({
      pattern,
      ...one,
      first,
      seconds: last === undefined || first.at === undefined ? undefined : last - first.at,
    }))
    return {
      lines: this.#lines,
      seconds: this.#last && this.#last.at - (this.#start ?? 0),
      errors: this.#errors,
      warnings: this.#warnings,
      patterns: patterns.toSorted(
        (a, b) => order.indexOf(a.class) - order.indexOf(b.class) || b.count - a.count,
      ),
      forgotten: this.#forgotten,
      phases: this.#phases,
      gaps: this.#gaps,
    }
  }

  #clock(at: number, text: string): void {
    this.#start ??= at
    const before = this.#last
    const seconds = before ? at - before.at : 0
    if (before && seconds >= SHORTEST_GAP) {
      this.#gaps = [...this.#gaps, { seconds, at: before.at, after: before.text }]
        .toSorted((a, b) => b.seconds - a.seconds)
        .slice(0, GAPS)
    }
    this.#last = { at, text }
    const phase = PHASES.find(([, match]) => match.test(text))?.[0]
    // A machine that boots again begins anew; what counts is the first time.
    if (phase !== undefined && !this.#phases.some(({ name }) => name === phase))
      this.#phases.push({ name: phase, at })
  }

  #count(text: string, kind: LineClass, at: number | undefined): void {
    const pattern = patternOf(text)
    const known = this.#patterns.get(pattern)
    if (known) {
      known.count++
      known.last = at ?? known.last
    } else if (this.#patterns.size >= MAX_PATTERNS) this.#forgotten++
    else {
      const source = SOURCE.exec(text)?.[1]?.replace(/\[\d+\]$/, '') ?? ''
      const first = { line: this.#lines, at, text }
      this.#patterns.set(pattern, { class: kind, source, count: 1, first, last: at })
    }
  }
}

function classOf(text: string, level: string | undefined): LineClass {
  const number = level === undefined ? undefined : Number(level) & 7
  if (number !== undefined) return number <= 3 ? 'error' : number === 4 ? 'warning' : 'other'
  if (HARMLESS.test(text)) return 'other'
  return ERROR.test(text) ? 'error' : WARNING.test(text) ? 'warning' : 'other'
}

/** What a line says without its numbers. */
function patternOf(text: string): string {
  return text
    .replaceAll(/\b(?:0x)?[0-9a-f]{6,}\b|\b[0-9a-f]{2}(?::[0-9a-f]{2})+\b|\d+/gi, '#')
    .replaceAll(/#(?:[.:x-]#)+/g, '#')
    .trim()
}

/** What is in the second of two logs and not in the first, and the other way round. */
export interface LogDifference {
  readonly added: readonly Pattern[]
  readonly gone: readonly Pattern[]
  /** At least three times as many in one of them as in the other. */
  readonly changed: readonly { readonly pattern: Pattern; readonly before: number }[]
}

const CHANGED = 3

/** Compares two logs. Pure. */
export function differenceOf(one: LogSummary, other: LogSummary): LogDifference {
  const names = ({ patterns }: LogSummary) =>
    new Map(patterns.map((pattern) => [pattern.pattern, pattern]))
  const [before, after] = [names(one), names(other)]
  return {
    added: other.patterns.filter(({ pattern }) => !before.has(pattern)),
    gone: one.patterns.filter(({ pattern }) => !after.has(pattern)),
    changed: other.patterns.flatMap((pattern) => {
      const count = before.get(pattern.pattern)?.count
      if (count === undefined) return []
      const isChanged = pattern.count >= CHANGED * count || count >= CHANGED * pattern.count
      return isChanged ? [{ pattern, before: count }] : []
    }),
  }
}
