import { ConfigError, messageOf, UsageError } from '../../base/index.ts'

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

interface Rule {
  readonly matches: (one: Allowable) => boolean
  readonly reason: string
}

/** The rules of a configuration, ready to be asked. */
export class AllowRules {
  readonly #rules: readonly Rule[]

  private constructor(rules: readonly Rule[]) {
    this.#rules = rules
  }

  /** Throws ConfigError for an expression that is none, such as one that an older klab took. */
  static async of(rules: readonly AllowRule[]): Promise<AllowRules> {
    try {
      return new AllowRules(await Promise.all(rules.map(ruleOf)))
    } catch (error) {
      throw new ConfigError(`a rule of run.allowReports is ${messageOf(error)}`, { cause: error })
    }
  }

  /** Why a report is allowed; undefined when it counts. */
  reasonFor(report: Allowable): string | undefined {
    return this.#rules.find(({ matches }) => matches(report))?.reason
  }
}

async function ruleOf({ report, crash, reason }: AllowRule): Promise<Rule> {
  if (report === undefined) return { matches: ({ fingerprint }) => fingerprint === crash, reason }
  // Most runs have none, and it takes 6 ms to load.
  const { compilePattern } = await import('./pattern.ts')
  const pattern = compilePattern(report)
  return { matches: ({ title, text }) => pattern(`${title}\n${text}`), reason }
}

/** The rules of `--allow-report REGEX`. Throws UsageError for what is no such expression. */
export async function askedFor(patterns: readonly string[]): Promise<AllowRule[]> {
  const rules = patterns.map((report) => ({ report, reason: 'asked for on the command line' }))
  for (const rule of rules) {
    try {
      await ruleOf(rule)
    } catch (error) {
      throw new UsageError(`--allow-report ${rule.report} is ${messageOf(error)}`, { cause: error })
    }
  }
  return rules
}
