import { SECRETS } from './secrets.ts'

const [BEGIN, END] = ['<!-- secrets: npm run generate -->\n\n', '\n<!-- /secrets -->']

/** The list, for people. Pure. */
export function secretsReference(): string {
  return SECRETS.map(({ what, home = [], machine = [] }) => {
    const paths = [...home.map((path) => `~/${path}`), ...machine].map((path) => `\`${path}\``)
    return `- **${what}**: ${paths.join(', ')}\n`
  }).join('')
}

/** A text with the list at its place. Throws where there is no place. */
export function withReference(text: string, reference: string): string {
  const [before, rest] = text.split(BEGIN)
  const after = rest?.split(END)[1]
  if (after === undefined) throw new Error('docs/secrets.md has no place for the list')
  return `${before}${BEGIN}${reference}${END}${after}`
}
