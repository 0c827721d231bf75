import { RE2JS } from 're2js'

import { FormatError, messageOf } from '../../base/index.ts'

/** Whether a text has somewhere what a pattern of the user's means. */
export type Pattern = (text: string) => boolean

/** What is different from the expressions of JavaScript, for whoever used one of these. */
const REFUSED = 'no look-around (?= (?! (?<= (?<!, no back-references \\1, no repetition above 1000'

/**
 * A regular expression of the user's for what a guest writes. By RE2's rules, in time linear in the text: with those of JavaScript a guest could stop klab for
 * as long as it likes. Throws FormatError for one that RE2 does not know.
 */
export function compilePattern(text: string): Pattern {
  try {
    // It writes some things otherwise, such as \u0041.
    const compiled = RE2JS.compile(RE2JS.translateRegExp(text))
    return (subject) => compiled.matcher(subject).find()
  } catch (error) {
    const why = messageOf(error).replace('error parsing regexp: ', '')
    throw new FormatError(`not a valid regular expression: ${why} (RE2, so ${REFUSED})`, {
      cause: error,
    })
  }
}
