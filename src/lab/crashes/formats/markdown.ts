import { field, joined, shown, type Shown } from '../../../base/index.ts'
import type { CrashView } from '../list.ts'
import { sectionsOf, type Section } from '../sections.ts'

/** For an issue tracker. Pure. */
export function asMarkdown(crash: CrashView): Shown {
  const parts = sectionsOf(crash).map(sectionMarkdown)
  return shown`# ${literal(crash.title)}\n\n${joined(parts, '\n\n')}\n`
}

function sectionMarkdown(section: Section): Shown {
  switch (section.kind) {
    case 'facts':
      return joined(
        section.facts.map(([name, value]) => shown`- ${name}: ${literal(value)}`),
        '\n',
      )
    case 'code':
      return shown`## ${literal(section.heading)}\n\n${fenced(section.body)}`
  }
}

/** The fence is longer than any in the text: a guest prints what it likes. */
function fenced(body: Shown): Shown {
  const ticks = Array.from(String(body).matchAll(/`+/g), ([some]) => some.length)
  const fence = '`'.repeat(ticks.reduce((most, one) => Math.max(most, one), 2) + 1)
  return shown`${field(fence, Number.POSITIVE_INFINITY)}\n${body}\n${field(fence, Number.POSITIVE_INFINITY)}`
}

/** Words of which nothing is markup, HTML or the number of a character. */
function literal(text: string): Shown {
  const words = String(field(text)).replaceAll(/[\\`*_[\]<>&~|#!]/g, String.raw`\$&`)
  return field(words, Number.POSITIVE_INFINITY)
}
