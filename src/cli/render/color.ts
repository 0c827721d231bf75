import { shown, type Showable, type Shown } from '../../base/index.ts'
import { out } from './print.ts'

const CODES = { red: 31, green: 32, yellow: 33, bold: 1 } as const

/** Colour on a terminal's stdout only, and never against NO_COLOR (no-color.org). */
export function color(text: Showable, name: keyof typeof CODES): Shown {
  if (!out.isTerminal || process.env['NO_COLOR']) return shown`${text}`
  return shown`\u001b[${CODES[name]}m${text}\u001b[0m`
}
