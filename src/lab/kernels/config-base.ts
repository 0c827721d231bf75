import { existsSync } from 'node:fs'
import { release } from 'node:os'
import { join, resolve } from 'node:path'

import { InfraError, UsageError } from '../../base/index.ts'
import { findProgram } from '../../host/index.ts'
import {
  adjustBase,
  archFacts,
  DEFAULT_ARCH,
  isWholeConfig,
  parseConfig,
  type ConfigBase,
  type Tree,
} from '../../kernel/index.ts'
import type { Lab } from '../session/context.ts'
import { configText } from './config-text.ts'
import { BASE_WORDS, type NamedBase } from './named-base.ts'

/** What a configuration is laid over, and what is to be said of that. */
export interface FoundBase {
  readonly base: ConfigBase
  readonly notes: readonly string[]
}

/** Finds and reads a base, and takes from it what cannot be built here. Throws UsageError or InfraError for one that cannot be used. */
export function findBase(lab: Lab, tree: Tree, { name, dir, asked }: NamedBase): FoundBase {
  const word = BASE_WORDS.find((one) => one === name)
  switch (word) {
    case 'defconfig':
      return { base: { kind: 'target', target: 'defconfig' }, notes: [] }
    case 'running':
      return wholeBase(lab, tree, { path: runningConfig(release()), asked })
    case 'tree':
      return wholeBase(lab, tree, { path: ownConfig(tree), asked })
    case undefined:
      return wholeBase(lab, tree, { path: resolve(dir, name), asked })
  }
}

/** The configuration in a file as a base. */
function wholeBase(
  lab: Lab,
  tree: Tree,
  { path, asked }: { readonly path: string; readonly asked: string },
): FoundBase {
  const text = configText(path, asked)
  const options = parseConfig(text)
  if (options.size === 0)
    throw new UsageError(`${asked}: ${path} has no option in it (lines such as CONFIG_X=y)`)
  const { symbol } = archFacts(DEFAULT_ARCH)
  if (isWholeConfig(text) && options.get(symbol) !== 'y')
    throw new UsageError(
      `${asked}: ${path} is for another architecture: it has no CONFIG_${symbol}=y, and klab builds for ${DEFAULT_ARCH}`,
    )
  const adjusted = adjustBase(options, {
    source: path,
    hasFile: (file) => existsSync(resolve(tree.path, file)),
    hasProgram: (program) => findProgram(program, lab.env['PATH']) !== undefined,
  })
  return {
    base: { kind: 'config', source: path, text, options, adjusted: adjusted.options },
    notes: adjusted.notes,
  }
}

/** Where kernels and distributions keep the configuration of the kernel that runs. */
export function runningConfig(running: string, root = '/'): string {
  const places = [
    'proc/config.gz',
    `boot/config-${running}`,
    `lib/modules/${running}/config`,
    `lib/modules/${running}/build/.config`,
  ].map((place) => join(root, place))
  const found = places.find((place) => existsSync(place))
  if (found !== undefined) return found
  throw new InfraError(
    'CONFIG_BASE',
    `the configuration of the kernel that runs here (${running}) is not to be found: there is no ${places.join(', no ')}`,
  )
}

function ownConfig({ path }: Tree): string {
  const file = join(path, '.config')
  if (existsSync(file)) return file
  throw new InfraError(
    'CONFIG_BASE',
    `${path} has no configuration of its own: there is no ${file}; make one there, or name a file`,
  )
}
