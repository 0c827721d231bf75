import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { oneOf, randomFrom } from '../support/random.ts'
import { complaint, type Target } from './targets.ts'

export interface Attempt {
  readonly number: number
  readonly target: string
  readonly bytes: number
  readonly ms: number
  /** What was wrong; absent when it was survived. */
  readonly hit?: string
}

/** One damaged file, read as klab reads it. The same seed and number do the same. */
export async function attempt(
  targets: readonly Target[],
  { seed, number, dir }: { readonly seed: number; readonly number: number; readonly dir: string },
): Promise<Attempt> {
  const random = randomFrom(seed * 1_000_003 + number)
  const target = oneOf(targets, random)
  const bytes = target.make(random)
  const path = join(dir, target.name === 'package' ? 'damaged.deb' : 'damaged')
  writeFileSync(path, bytes)
  const startedAt = performance.now()
  const hit = await complaint(async () => await target.read(path, random))
  return {
    ...{ number, target: target.name, bytes: bytes.length, ms: performance.now() - startedAt },
    ...(hit !== undefined && { hit }),
  }
}
