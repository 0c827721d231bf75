import { field } from './shown.ts'

const PLAIN = /^[\w@%+=:,./-]+$/

/** A word that a shell takes as it is. One that cannot be seen is written byte by byte, as bash, zsh and POSIX of 2024 read it. */
export function shellWord(text: string): string {
  if (PLAIN.test(text)) return text
  const isVisible = String(field(text, Number.POSITIVE_INFINITY)) === text
  return isVisible ? `'${text.replaceAll("'", `'\\''`)}'` : `$'${escaped(text)}'`
}

function escaped(text: string): string {
  return Array.from(new TextEncoder().encode(text), (byte) => {
    const character = String.fromCharCode(byte)
    if (/[\\']/.test(character)) return `\\${character}`
    // Octal, for it ends after three digits: a hexadecimal one takes what follows into itself.
    return byte >= 0x20 && byte < 0x7f ? character : `\\${byte.toString(8).padStart(3, '0')}`
  }).join('')
}
