/** A report that does not make a run crashed, and why not. */
export interface AllowRule {
  /** A regular expression that its title or text matches. */
  readonly report?: string | undefined
  /** The id (fingerprint) of a crash. */
  readonly crash?: string | undefined
  readonly reason: string
}

interface Allowable {
  readonly title: string
  readonly text: string
  readonly fingerprint: string
}

/** The rules of a configuration, ready to be asked. */
export class AllowRules {
  readonly #rules: readonly { readonly matches: (one: Allowable) => boolean; reason: string }[]

  constructor(rules: readonly AllowRule[]) {
    this.#rules = rules.map(({ report, crash, reason }) => {
      const pattern = report === undefined ? undefined : new RegExp(report)
      const matches = (one: Allowable) =>
        one.fingerprint === crash || (pattern?.test(`${one.title}\n${one.text}`) ?? false)
      return { matches, reason }
    })
  }

  /** Why a report is allowed; undefined when it counts. */
  reasonFor(report: Allowable): string | undefined {
    return this.#rules.find(({ matches }) => matches(report))?.reason
  }
}

/** `--allow-report REGEX` */
export function askedFor(pattern: string): AllowRule {
  return { report: pattern, reason: 'asked for on the command line' }
}
