import { once } from 'node:events'
import { createInterface } from 'node:readline'

import { shown } from '../base/index.ts'
import { err } from './render/print.ts'

/** Whether there is somebody who can be asked. */
export function canAsk(): boolean {
  return process.stdin.isTTY && err.isTerminal
}

/**
 * Asks whoever is at the terminal. Ctrl-D is no, and Ctrl-C ends klab: the line is the terminal's own, for readline's would swallow the one and wait for
 * ever after the other.
 */
export async function saysYes(question: string): Promise<boolean> {
  err.part(shown`${question} [y/N] `)
  const lines = createInterface({ input: process.stdin, terminal: false })
  // Not its iterator, which leaves the terminal being read.
  const end = once(lines, 'close').then(() => ['\n'])
  const [line] = (await Promise.race([once(lines, 'line'), end])) as [string]
  lines.close()
  if (line === '\n') err.line('')
  return /^y(?:es)?$/i.test(line.trim())
}
