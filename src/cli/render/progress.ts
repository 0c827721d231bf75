import { field, shown } from '../../base/index.ts'
import { cutTo } from './columns.ts'
import { err } from './print.ts'

/** A thing takes this long before anybody is told how far it is. */
const QUIET_MS = 1_000
const EVERY_MS = 200

/** One line on a terminal's stderr that is overwritten, for what takes long; nothing elsewhere. */
export class Progress implements Disposable {
  readonly #startedAt = performance.now()
  #shownAt = 0

  show(text: string): void {
    const now = performance.now()
    if (!err.isTerminal || now - this.#startedAt < QUIET_MS || now - this.#shownAt < EVERY_MS)
      return
    this.#shownAt = now
    err.part(overwriting(text))
  }

  /** Makes room for something else on the terminal. */
  clear(): void {
    if (this.#shownAt > 0) err.part(CLEARED)
  }

  [Symbol.dispose](): void {
    this.clear()
  }
}

/** The line of the cursor, empty. */
export const CLEARED = shown`\r\u001b[K`

/** In the place of what the line of the cursor says, as much as fits. */
export function overwriting(text: string) {
  return shown`${CLEARED}${cutTo(field(`klab: ${text}`), err.columns)}`
}
