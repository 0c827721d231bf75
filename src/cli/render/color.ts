const CODES = { red: 31, green: 32, yellow: 33, bold: 1 } as const

/** Colour on a terminal only, and never against NO_COLOR (no-color.org). */
export function color(
  text: string,
  name: keyof typeof CODES,
  stream: NodeJS.WriteStream = process.stdout,
): string {
  if (!stream.isTTY || process.env['NO_COLOR']) return text
  return `\u001b[${CODES[name]}m${text}\u001b[0m`
}
