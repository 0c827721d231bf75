import { createHash } from 'node:crypto'

import { parseConfig, type KconfigValue, type WantedOption } from './kconfig.ts'

/** What wanted options are laid over. */
export type ConfigBase =
  /** With allnoconfig the result is exactly what is wanted. */
  | { readonly kind: 'target'; readonly target: 'allnoconfig' | 'defconfig' }
  /** A whole configuration that somebody has: a distribution's, one's own. */
  | {
      readonly kind: 'config'
      /** For people: where it is from. */
      readonly source: string
      readonly text: string
      readonly options: ReadonlyMap<string, KconfigValue>
      /** What of it is otherwise, because it cannot be built here. */
      readonly adjusted: readonly WantedOption[]
    }

/** What tells one base from another; comments do not. */
export function baseKey(base: ConfigBase): string {
  if (base.kind === 'target') return base.target
  return createHash('sha256')
    .update(JSON.stringify([...base.options]))
    .digest('hex')
}

/** The smallest whole configuration (allnoconfig) has three times as many. */
const WHOLE = 200

/** Whether a text is a whole configuration, as Kconfig writes it, and not a fragment of one. */
export function isWholeConfig(text: string): boolean {
  const isWritten =
    /^# (?:Automatically generated (?:file|make config)|Linux\S* .*Kernel Configuration)/m.test(
      text.slice(0, 1000),
    ) || text.includes('\nCONFIG_CC_VERSION_TEXT=')
  return isWritten && parseConfig(text).size >= WHOLE
}
