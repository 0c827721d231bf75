/** Nobody reads more of it. */
const MAX_LINE = 300
const MAX_LINES = 16

/** Text of the guest for people to read, as much as one reads: whoever shows it makes it visible. */
export function lineOf(value: Uint8Array): string {
  const all = Buffer.from(value).toString('utf8')
  return all.length > MAX_LINE ? `${all.slice(0, MAX_LINE)}…` : all
}

/** A few lines of it; of more it is said that there are. */
export function linesOf(values: readonly Uint8Array[]): string[] {
  const more = values.length - MAX_LINES
  return [...values.slice(0, MAX_LINES).map(lineOf), ...(more > 0 ? [`and ${more} more`] : [])]
}
