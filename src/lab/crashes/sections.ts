import { block, field, joined, shown, type Shown } from '../../base/index.ts'
import type { CrashView } from './list.ts'

export type Fact = readonly [name: string, value: string]

/** A part of what is said of a crash. Its words are a guest's: each format shows them in its own way. */
export type Section =
  | { readonly kind: 'facts'; readonly facts: readonly Fact[] }
  /** Columns count in it. */
  | { readonly kind: 'code'; readonly heading: string; readonly body: Shown }

/** What one wants to know of a crash, in the order of a good mail. Pure. */
export function sectionsOf(crash: CrashView): Section[] {
  const { excerpt, instructions, maintainers, seenBy, text } = crash
  const consoles = seenBy.slice(0, 1).map(({ id, consolePath }) => `run ${id}: ${consolePath}`)
  return [
    { kind: 'facts', facts: factsOf(crash) },
    { kind: 'code', heading: 'Report', body: block(text.trimEnd()) },
    ...code(
      'Instructions',
      instructions.map((one) => `${one.isHere ? '=>' : '  '} ${one.text}`),
    ),
    ...(excerpt ? code(headingOf(excerpt), sourceLines(excerpt)) : []),
    ...code('Maintainers', maintainers),
    ...code('Reproduce', commandsOf(crash)),
    ...code('Console', consoles),
  ]
}

/** Lines under a heading, unless there are none. */
function code(heading: string, lines: readonly (string | Shown)[]): Section[] {
  return lines.length === 0 ? [] : [{ kind: 'code', heading, body: joined(lines, '\n') }]
}

type Excerpt = NonNullable<CrashView['excerpt']>

function headingOf({ file, line, isChanged }: Excerpt): string {
  return `Source: ${file}:${line}${isChanged ? ' (changed since the build)' : ''}`
}

function sourceLines({ lines, line }: Excerpt): Shown[] {
  return lines.map(
    ({ number, text }) =>
      shown`${number === line ? '>' : ' '}${String(number).padStart(5)}  ${block(text, MAX_SOURCE)}`,
  )
}

/** No line of a source that is written by hand is longer. */
const MAX_SOURCE = 1_000

/** To be copied, so they are whole. */
function commandsOf({ reproduce, unsupported }: CrashView): Shown[] {
  if (reproduce === undefined) return []
  const lines = [...(unsupported === undefined ? [] : [unsupported]), reproduce]
  return lines.map((line) => field(line, Number.POSITIVE_INFINITY))
}

function factsOf(crash: CrashView): Fact[] {
  const { kind, severity, fingerprint, seenBy, kernel, circumstances, guiltyFile, allowed, ledTo } =
    crash
  const { command, pid, cpu, taint, hardware } = circumstances
  const releases = [...new Set(seenBy.map(({ release }) => release ?? '?'))].join(', ')
  const day = (time: string) => time.slice(0, 10)
  const rows: (readonly [string, string | undefined])[] = [
    ['kind', `${kind}, severity ${severity}`],
    ['id', fingerprint],
    [
      'seen',
      `in ${seenBy.length} run${seenBy.length === 1 ? '' : 's'}, ${day(crash.firstSeen)} to ${day(crash.lastSeen)}, on ${releases}`,
    ],
    ...ledTo.map(
      ({ title, runs }) => ['led to', `${title} (${runs} run${runs === 1 ? '' : 's'})`] as const,
    ),
    ['allowed', allowed],
    ['file', guiltyFile],
    ['task', command === undefined ? undefined : `${command} (${pid}), on CPU ${cpu}`],
    ['taint', taint === '' ? undefined : taint],
    ['machine', hardware],
    [
      'kernel',
      kernel &&
        `${kernel.release}, ${kernel.commit === undefined ? `source ${kernel.version}` : `commit ${kernel.commit}`}, profile ${kernel.profile}`,
    ],
    ['compiler', kernel?.compiler],
  ]
  return rows.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]))
}
