import { interference } from './interference.ts'
import type { Kind } from './kind.ts'

/** All ways in which klab is attacked. */
export const KINDS = {
  kills: interference('SIGKILL'),
  stops: interference('SIGSTOP'),
} as const satisfies Record<string, Kind>
