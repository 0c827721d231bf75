import { block, field, joined, shown, type Shown } from '../../../base/index.ts'
import type { CrashView } from '../list.ts'
import { sectionsOf } from '../sections.ts'
import { sectionText } from './text.ts'

/** To be sent: the maintainers are in the header, a copy goes to the lists. Pure. */
export function asMail(crash: CrashView): Shown {
  const people = crash.maintainers.map(addressOf)
  const isList = (address: string) => /^[\w.+-]+@(?:vger\.|lists?\.)/.test(address)
  const header = [
    ...fieldOf(
      'To',
      people.filter((one) => !isList(one)),
    ),
    ...fieldOf('Cc', people.filter(isList)),
    shown`Subject: [BUG] ${field(crash.title, MAX_SUBJECT)}`,
  ]
  const sections = sectionsOf(crash).filter(
    (section) => section.kind === 'facts' || !['Maintainers', 'Console'].includes(section.heading),
  )
  const body = [
    'Hello,',
    `I saw this: ${crash.title}`,
    ...sections.map((section) => unlikeHeaders(sectionText(section))),
  ]
  return shown`${joined(header, '\n')}\n\n${joined(body, '\n\n')}\n`
}

/** A line of a header has 998 characters at most (RFC 5322), and a reader sees the first hundred. */
const MAX_SUBJECT = 200

/** A mailbox begins its next mail at such a line, and quotes it so. */
function unlikeHeaders(text: Shown): Shown {
  return block(String(text).replaceAll(/^(?=>*From )/gm, '>'), Number.POSITIVE_INFINITY)
}

function fieldOf(name: string, addresses: readonly string[]): Shown[] {
  const [first, ...others] = addresses
  if (first === undefined) return []
  return [shown`${name}: ${joined([first, ...others.map((one) => shown` ${one}`)], ',\n')}`]
}

/** Without the role that get_maintainer.pl adds. */
function addressOf(maintainer: string): string {
  return maintainer.replace(/ \([^()]*(?:\([^()]*\)[^()]*)*\)$/, '')
}
