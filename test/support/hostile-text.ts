/** Stands at the beginning of a line where a newline of others' words was taken for one of ours. */
export const FORGED = 'klab: FORGED'

/** One of each of what must reach nobody's terminal: from guests, files, names, and whatever else is not klab's own. */
export const HOSTILE = [
  'x\u001b[2J\u001b]0;t\u0007\u001b[8m',
  // C1: CSI, OSC, DCS, NEL, and the last.
  '\u0080\u0085\u0090\u009b31m\u009d\u009f',
  '\u0000\u0007\u0008\u000b\u000c\u000e\u007f\r',
  '\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c',
  '\u200b\u200c\u200d\u2060\ufeff\u00ad\u180e\u3164\ufe0f\u{e0041}\u{e0100}',
  '\u2028\u2029\ufff9\ue000\u{10fffe}',
  `\n${FORGED}\n<b>&#x1b;[a](b)\`$(id)`,
].join('')

/** The same for what is one line by its nature. */
export const NO_NEW_LINE = HOSTILE.replaceAll(/[\n\r\v\f\0]/g, '')

/** What must not be in any output; line ends and tabs are looked at on their own. */
export const DANGEROUS = /(?![\n\t])[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u
