/**
 * Text that a terminal, a mail or a page may be given. Only the functions of this file make one, and each makes visible what is no
 * plain text in the words of guests and files; what klab's own source says (the fixed parts of `shown`) is taken as it is.
 */
class ShownText {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  toString(): string {
    return this.#text
  }
}

export type Shown = ShownText

/** What can be shown: text that is already, or anybody's words, which become one visible line. */
export type Showable = Shown | string | number | bigint | undefined

/** No path, no line of a kernel and no sentence of klab is longer. */
const MAX_FIELD = 4_096
const MAX_BLOCK = 2 ** 20

/**
 * Controls (C0, C1), formats (bidi, zero width, tags), halves of pairs, private and unassigned characters, separators of lines and
 * paragraphs, what fonts leave out; and from the fifth on, marks above one character, which reach into other lines.
 */
const INVISIBLE = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|(?<=\p{M}{4})\p{M}/gu
const INVISIBLE_IN_BLOCK = new RegExp(`(?![\\n\\t])(?:${INVISIBLE.source})`, 'gu')
/** Most texts: found a hundred times faster than that nothing in them is to be replaced. */
const NOT_ASCII = /[^\x20-\x7e]/
const NOT_ASCII_IN_BLOCK = /[^\x20-\x7e\n\t]/

/** One line: klab's words as they stand, and between them values as `field` shows them. */
export function shown(words: TemplateStringsArray, ...values: readonly Showable[]): Shown {
  const parts = words.flatMap((own, index) => [
    own,
    ...(index < values.length ? [String(field(values[index]))] : []),
  ])
  return new ShownText(parts.join(''))
}

/** Anybody's words on one line, of a length that can be read. What is shown already stays as it is. */
export function field(value: Showable, limit = MAX_FIELD): Shown {
  if (value instanceof ShownText) return value
  const text = String(value ?? '')
  const some = bounded(text, limit)
  return new ShownText(NOT_ASCII.test(some) ? some.replaceAll(INVISIBLE, visible) : some)
}

/** Anybody's words on several lines, with their tabs. */
export function block(text: string, limit = MAX_BLOCK): Shown {
  const some = bounded(text, limit)
  if (!NOT_ASCII_IN_BLOCK.test(some)) return new ShownText(some)
  const lines = some.replaceAll(/\r+\n/g, '\n')
  return new ShownText(lines.replaceAll(INVISIBLE_IN_BLOCK, visible))
}

/** JSON in which the same is written as JSON escapes it: whoever parses it gets what there was. */
export function json(value: unknown, indent?: number): Shown {
  const text = JSON.stringify(value, null, indent) ?? 'null'
  if (!NOT_ASCII_IN_BLOCK.test(text)) return new ShownText(text)
  return new ShownText(text.replaceAll(INVISIBLE_IN_BLOCK, jsonEscape))
}

/** One after another. */
export function joined(parts: readonly Showable[], separator: ', ' | ',\n' | '\n' | '\n\n'): Shown {
  return new ShownText(parts.map((part) => String(field(part))).join(separator))
}

function bounded(text: string, limit: number): string {
  if (text.length <= limit) return text
  return `${text.slice(0, limit)}… (${text.length - limit} characters more)`
}

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** As the kernel and C write it. */
function visible(character: string): string {
  const code = character.codePointAt(0) ?? 0
  if (code > 0xffff) return `\\u{${code.toString(16)}}`
  return SHORT[character] ?? (code > 0xff ? `\\u${hex(code, 4)}` : `\\x${hex(code, 2)}`)
}

function jsonEscape(character: string): string {
  return Array.from(
    { length: character.length },
    (_, at) => `\\u${hex(character.charCodeAt(at), 4)}`,
  ).join('')
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0')
}
