/** What must not leave this machine with a bug report. */
export interface Private {
  readonly home: string
  readonly user: string
  readonly host: string
}

/** Keys and tokens by their form; the group named `keep` stays. Everything has a limit: a hostile text must not take more than linear time. */
const SECRETS: readonly RegExp[] = [
  /-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[^-]{0,20000}(?:-----END [A-Z ]{0,30}PRIVATE KEY-----)?/g,
  /(?<keep>\b[\w-]{0,40}?(?:passw(?:or)?d|secret|token|api[_-]?key|credential)s?["']?[ \t]{0,4}[=:][ \t]{0,4}["']?)[^\s"',;]{3,2000}/gi,
  /(?<keep>\bAuthorization:[ \t]{0,4}\w{1,20}[ \t]{1,4})\S{1,4000}/gi,
  /(?<keep>\b[a-z][a-z0-9+.-]{0,15}:\/\/)[^\s/@:]{1,100}:[^\s/@]{1,100}(?=@)/gi,
  /\bAKIA[0-9A-Z]{16}\b/g,
  /\bgh[pousr]_[A-Za-z0-9]{36,255}\b/g,
  /\bglpat-[\w-]{20,255}\b/g,
  /\bxox[abprs]-[\w-]{10,255}\b/g,
  /\beyJ[\w-]{8,500}\.[\w-]{8,4000}\.[\w-]{8,1000}/g,
]

const SHORTEST_NAME = 3
/** Names that tell nobody anything, and are words of every kernel's log. */
const COMMON = new Set(['root', 'user', 'localhost', 'debian', 'ubuntu', 'fedora', 'linux'])

/** A text without secrets, the home directory, the user's name and the host's; and how many places were changed. */
export function scrub(
  text: string,
  { home, user, host }: Private,
): { text: string; found: number } {
  let found = 0
  const replaced = (pattern: RegExp, by: string) => (from: string) =>
    from.replace(pattern, (...match) => {
      found++
      const groups = match.at(-1) as { keep?: string } | string | undefined
      const keep = typeof groups === 'object' ? (groups.keep ?? '') : ''
      return `${keep}${by}`
    })
  const names = [
    ...(home.length > 1 ? [replaced(new RegExp(`${literally(home)}(?![\\w.-])`, 'g'), '~')] : []),
    ...[
      [user, 'USER'],
      [host, 'HOST'],
    ].flatMap(([name = '', by = '']) =>
      name.length < SHORTEST_NAME || COMMON.has(name)
        ? []
        : [replaced(new RegExp(`(?<![\\w.-])${literally(name)}(?![\\w-])`, 'g'), by)],
    ),
  ]
  const secrets = SECRETS.map((pattern) => replaced(pattern, '[removed]'))
  return { text: [...secrets, ...names].reduce((one, change) => change(one), text), found }
}

function literally(text: string): string {
  return text.replaceAll(/[$()*+.?[\\\]^{|}]/g, '\\$&')
}
