/** More lines of one kind help nobody. */
export const MANY = 100

/** The first of many lines, and how many there are besides. */
export function few(lines: readonly string[]): string[] {
  return lines.length <= MANY
    ? [...lines]
    : [...lines.slice(0, MANY), `… and ${lines.length - MANY} more`]
}
