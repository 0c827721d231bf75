/** Prose for a manual page: nothing in it is taken for a request or an escape of roff. */
export function text(words: string): string {
  return guarded(words.replaceAll('\\', '\\e'))
}

/** What is to be typed: dashes, quotes and tildes stay what they are, and can be copied from the page. */
export function literal(words: string): string {
  const escaped = words.replaceAll(/[\\'`^~-]/g, (one) => LITERALS[one] ?? one)
  return guarded(escaped)
}

const LITERALS: Readonly<Record<string, string>> = {
  '\\': '\\e',
  '-': '\\-',
  "'": '\\(aq',
  '`': '\\(ga',
  '^': '\\(ha',
  '~': '\\(ti',
}

/** Lines that begin with a control character are requests; what is not ASCII is named by its number. */
function guarded(words: string): string {
  return words
    .replaceAll(/^(?=[.'])/gm, '\\&')
    .replaceAll(
      /[^\n\t -~]/gu,
      (one) => `\\[u${(one.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}]`,
    )
}

export const bold = (words: string) => `\\fB${literal(words)}\\fR`

export const italic = (words: string) => `\\fI${literal(words)}\\fR`

/** A section, unless there is nothing in it. */
export function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`.SH ${title}`, ...lines]
}

export function subsection(title: string, lines: readonly string[]): string[] {
  return [`.SS "${literal(title).replaceAll('"', '\\(dq')}"`, ...lines]
}

/** A term, and below it what is said of it. */
export function item(term: string, about: string): string[] {
  return ['.TP', term, text(about)]
}

/** Lines as they are. */
export function verbatim(lines: readonly string[]): string[] {
  return ['.nf', ...lines.map(literal), '.fi']
}
