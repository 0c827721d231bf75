import { createHash } from 'node:crypto'

import { isGeneric, isOwnOfModule } from './generic-frames.ts'
import { withoutClones } from './title.ts'
import { readFrame, startsTrace, type Frame } from './trace.ts'

/** So many of the functions on the stack tell a bug from another. */
const KEPT_FRAMES = 5
const MAX_FRAMES = 200

/** The frames of the first trace of a report. */
export function framesOf(lines: readonly string[]): Frame[] {
  const frames: Frame[] = []
  for (const line of lines) {
    if (startsTrace(line) && frames.length > 0) break
    const frame = readFrame(line)
    if (frame && frames.push(frame) >= MAX_FRAMES) break
  }
  return frames
}

/**
 * Two reports of the same bug have the same fingerprint, whichever kernel they come from: it is made of the title and the first functions
 * on the stack that are worth naming, without offsets, modules and the copies that compilers make.
 */
export function fingerprintOf(title: string, frames: readonly Frame[]): string {
  const names = frames
    .filter(({ unreliable }) => !unreliable)
    .map(({ symbol, module }) => ({ name: withoutClones(symbol), module }))
    .filter(({ name, module }) => !isGeneric(name) || isOwnOfModule(name, module))
    .map(({ name }) => name)
  const kept = [...new Set(names)].slice(0, KEPT_FRAMES)
  return createHash('sha256')
    .update([title, ...kept].join('\n'))
    .digest('hex')
    .slice(0, 16)
}
