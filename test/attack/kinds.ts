import { builds } from './builds.ts'
import { damagedHome } from './damage.ts'
import { guestFiles } from './guest-files.ts'
import { guests } from './guests.ts'
import { interference } from './interference.ts'
import type { Kind } from './kind.ts'
import { disk, limits } from './narrow.ts'
import { parsers } from './readings.ts'

/** All ways in which klab is attacked. */
export const KINDS = {
  kills: interference('SIGKILL'),
  stops: interference('SIGSTOP'),
  builds,
  disk,
  limits,
  guests,
  'guest-files': guestFiles,
  damage: damagedHome,
  parsers,
} as const satisfies Record<string, Kind>
