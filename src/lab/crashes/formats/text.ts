import { joined, shown, type Shown } from '../../../base/index.ts'
import type { CrashView } from '../list.ts'
import { sectionsOf, type Section } from '../sections.ts'

/** For a terminal. Pure. */
export function asText(crash: CrashView): Shown {
  return shown`${joined([crash.title, ...sectionsOf(crash).map(sectionText)], '\n\n')}\n`
}

/** A section under its heading. */
export function sectionText(section: Section): Shown {
  switch (section.kind) {
    case 'facts':
      return joined(
        section.facts.map(([name, value]) => `${`${name}:`.padEnd(9)} ${value}`),
        '\n',
      )
    case 'code':
      return shown`${section.heading}\n\n${section.body}`
  }
}
