import { json, shown, type Shown } from '../../../base/index.ts'
import { ownVersion } from '../../session/own-program.ts'
import type { CrashView } from '../list.ts'
import { asMail } from './mail.ts'
import { asMarkdown } from './markdown.ts'
import { asSarif } from './sarif.ts'
import { asText } from './text.ts'

/** The ways to write a crash down. */
export const CRASH_FORMATS = {
  text: asText,
  markdown: asMarkdown,
  mail: asMail,
  json: (crash: CrashView) => shown`${json(crash, 2)}\n`,
  sarif: (crash: CrashView) => asSarif(crash, ownVersion()),
} as const satisfies Record<string, (crash: CrashView) => Shown>

export type CrashFormat = keyof typeof CRASH_FORMATS
export const CRASH_FORMAT_NAMES = Object.keys(CRASH_FORMATS) as CrashFormat[]
