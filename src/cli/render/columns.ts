import { eastAsianWidth } from 'get-east-asian-width'

import type { Shown } from '../../base/index.ts'

const ASCII = /^[\x20-\x7e]*$/
/** A character with the marks above and below it. */
const WITH_MARKS = /\P{M}\p{M}*|\p{M}+/gu

/** The columns of a terminal that a line takes: two for most characters of East Asia, none for marks. */
export function widthOf(text: Shown): number {
  const line = String(text)
  return ASCII.test(line)
    ? line.length
    : charactersOf(line).reduce((sum, { width }) => sum + width, 0)
}

/** The beginning of a line that fits; what is left out is marked. */
export function cutTo(text: Shown, columns: number): string {
  const line = String(text)
  if (line.length <= columns && ASCII.test(line)) return line
  if (widthOf(text) <= columns) return line
  let left = columns - 1
  const kept = charactersOf(line).filter(({ width }) => (left -= width) >= 0)
  return `${kept.map(({ character }) => character).join('')}…`
}

function charactersOf(line: string): { readonly character: string; readonly width: number }[] {
  return Array.from(line.matchAll(WITH_MARKS), ([character]) => ({
    character,
    width: /^\p{M}/u.test(character) ? 0 : eastAsianWidth(character.codePointAt(0) ?? 0),
  }))
}
