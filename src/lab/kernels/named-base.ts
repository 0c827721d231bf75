import { dirname, isAbsolute } from 'node:path'

import type { Lab } from '../session/context.ts'

/** Which configuration all is to be laid over: a word, or a file relative to a directory; `asked` is how the user said it. */
export interface NamedBase {
  readonly name: string
  readonly dir: string
  readonly asked: string
}

/** Words that mean a configuration; anything else is a file. */
export const BASE_WORDS = ['running', 'defconfig', 'tree'] as const

/** The base that the configuration names (build.configBase); undefined where it names none. */
export function configuredBase({ config, loaded, cwd }: Lab): NamedBase | undefined {
  const name = config.build.configBase
  if (name === '') return undefined
  const source = loaded.sources.get('build.configBase') ?? ''
  const dir = isAbsolute(source) ? dirname(source) : cwd
  return { name, dir, asked: `build.configBase: ${name}` }
}
