import type { CrashView } from '../list.ts'
import { sectionsOf } from '../sections.ts'

/** For a terminal. Pure. */
export function asText(crash: CrashView): string {
  const body = sectionsOf(crash).map(({ heading, body: text }) =>
    heading === undefined ? text : `${heading}\n\n${text}`,
  )
  return `${[crash.title, ...body].join('\n\n')}\n`
}

/** To be sent: the maintainers are in the header, a copy goes to the lists. Pure. */
export function asMail(crash: CrashView): string {
  const people = crash.maintainers.map(addressOf)
  const isList = (address: string) => /^[\w.+-]+@(?:vger\.|lists?\.)/.test(address)
  const header = [
    ...fieldOf(
      'To',
      people.filter((one) => !isList(one)),
    ),
    ...fieldOf('Cc', people.filter(isList)),
    `Subject: [BUG] ${crash.title}`,
  ]
  const sections = sectionsOf(crash)
    .filter(({ heading }) => heading !== 'Maintainers' && heading !== 'Console')
    .map(({ heading, body }) => (heading === undefined ? body : `${heading}:\n\n${body}`))
  return `${header.join('\n')}\n\nHello,\n\n${[`I saw this: ${crash.title}`, ...sections].join('\n\n')}\n`
}

function fieldOf(name: string, addresses: readonly string[]): string[] {
  return addresses.length === 0 ? [] : [`${name}: ${addresses.join(',\n ')}`]
}

/** Without the role that get_maintainer.pl adds. */
function addressOf(maintainer: string): string {
  return maintainer.replace(/ \([^()]*(?:\([^()]*\)[^()]*)*\)$/, '')
}
