import type { CrashView } from './list.ts'

/** A part of what is said of a crash. */
export interface Section {
  /** Absent for the one that all begins with. */
  readonly heading?: string
  readonly body: string
  /** Columns count in it. */
  readonly isCode?: boolean
}

/** What one wants to know of a crash, in the order of a good mail. Pure. */
export function sectionsOf(crash: CrashView): Section[] {
  const { excerpt, instructions, maintainers, seenBy, reproduce, unsupported, text } = crash
  const consoles = seenBy.slice(0, 1).map(({ id, consolePath }) => `run ${id}: ${consolePath}`)
  const all: (Section | undefined)[] = [
    { body: factsOf(crash).join('\n') },
    { heading: 'Report', body: text.trimEnd(), isCode: true },
    instructions.length === 0
      ? undefined
      : {
          heading: 'Instructions',
          body: instructions.map((one) => `${one.isHere ? '=>' : '  '} ${one.text}`).join('\n'),
          isCode: true,
        },
    excerpt && {
      heading: `Source: ${excerpt.file}:${excerpt.line}${excerpt.isChanged ? ' (changed since the build)' : ''}`,
      body: excerpt.lines
        .map(
          ({ number, text: one }) =>
            `${number === excerpt.line ? '>' : ' '}${String(number).padStart(5)}  ${one}`,
        )
        .join('\n'),
      isCode: true,
    },
    maintainers.length === 0
      ? undefined
      : { heading: 'Maintainers', body: maintainers.join('\n'), isCode: true },
    reproduce === undefined
      ? undefined
      : {
          heading: 'Reproduce',
          body: [unsupported, reproduce].filter((line) => line !== undefined).join('\n'),
          isCode: true,
        },
    consoles.length === 0
      ? undefined
      : { heading: 'Console', body: consoles.join('\n'), isCode: true },
  ]
  return all.filter((section) => section !== undefined)
}

function factsOf(crash: CrashView): string[] {
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
  return rows.flatMap(([name, value]) =>
    value === undefined ? [] : [`${`${name}:`.padEnd(9)} ${value}`],
  )
}
