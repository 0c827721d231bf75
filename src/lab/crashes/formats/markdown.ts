import type { CrashView } from '../list.ts'
import { sectionsOf } from '../sections.ts'

/** For an issue tracker. Pure. */
export function asMarkdown(crash: CrashView): string {
  const parts = sectionsOf(crash).map(({ heading, body, isCode = false }) => {
    const text = isCode ? fenced(body) : body.replaceAll(/^(\S+) +/gm, '- $1 ')
    return heading === undefined ? text : `## ${heading}\n\n${text}`
  })
  return `# ${escaped(crash.title)}\n\n${parts.join('\n\n')}\n`
}

/** The fence is longer than any in the text: a guest prints what it likes. */
function fenced(body: string): string {
  const longest = Math.max(2, ...[...body.matchAll(/`+/g)].map(([ticks]) => ticks.length))
  const fence = '`'.repeat(longest + 1)
  return `${fence}\n${body}\n${fence}`
}

function escaped(title: string): string {
  return title.replaceAll(/[*<>[\\\]_`]/g, String.raw`\$&`)
}
