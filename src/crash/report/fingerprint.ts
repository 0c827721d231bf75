import { isMachinery, roleOf } from '../roles/role.ts'
import { withoutClones } from './symbol-names.ts'
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
    .filter(({ name, module }) => !isMachinery(roleOf(name, module)))
    .map(({ name }) => name)
  const kept = [...new Set(names)].slice(0, KEPT_FRAMES)
  return fnv1a([title, ...kept].join('\n'))
}

/**
 * FNV-1a of 64 bits (Fowler, Noll, Vo) as 16 hexadecimal digits. It names and protects nothing: a guest that wants another's fingerprint
 * prints another's report. For it node:crypto would take 2 MiB of the memory that reading a log has.
 */
function fnv1a(text: string): string {
  let hash = 0xcbf2_9ce4_8422_2325n
  for (const byte of Buffer.from(text)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100_0000_01b3n)
  }
  return hash.toString(16).padStart(16, '0')
}
