import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'

import { UsageError } from '../../base/index.ts'
import { archFacts, DEFAULT_ARCH, type BuildRequest, type Tree } from '../../kernel/index.ts'
import type { Lab } from '../session/context.ts'
import type { KernelChoice } from '../spec/kernel-choice.ts'
import { chosenProfile } from './chosen-profile.ts'
import { configuredBase, type NamedBase } from './named-base.ts'
import { assignments, readFiles } from './options-files.ts'

/** The part of a build that says how the kernel is to be configured. */
type AskedConfig = Pick<BuildRequest, 'profile' | 'base' | 'options' | 'notes'>

/** The configuration that a choice asks for: a profile, over its own base or another, and options over that. Throws UsageError. */
export async function askedConfig(
  lab: Lab,
  choice: KernelChoice,
  tree: Tree,
): Promise<AskedConfig> {
  const named = choice.configFiles.map((file) => ({ file, asked: `--config-file ${file}` }))
  const { options: fragments, whole } = await readFiles(named)
  const onLine = baseOnLine(lab, choice, whole?.file)
  const profileName = nameOfProfile(lab, choice, onLine)
  const { profile, options: ownOptions, base: ownBase } = await chosenProfile(lab, profileName)
  const options = [
    ...ownOptions,
    ...assignments(lab.config.build.options, 'build.options'),
    ...fragments,
    ...assignments(choice.options, '--config'),
  ]
  const base = onLine ?? ownBase ?? configuredBase(lab)
  if (!base) {
    const notes = noteOfOwnConfig(lab, choice, tree)
    return { profile, base: { kind: 'target', target: profile.base }, options, notes }
  }
  const { findBase } = await import('./config-base.ts')
  const found = findBase(lab, tree, base)
  return {
    profile,
    base: found.base,
    options,
    notes: [...noteOfWhole(whole?.file), ...found.notes],
  }
}

/** What the command line names to begin with: in so many words, or by a file that is no fragment. */
function baseOnLine(
  { cwd: dir }: Lab,
  { configBase }: KernelChoice,
  whole: string | undefined,
): NamedBase | undefined {
  if (configBase !== undefined && whole !== undefined)
    throw new UsageError(
      `--config-file ${whole} is a whole configuration, and --config-base ${configBase} another: a kernel has one`,
    )
  if (configBase !== undefined)
    return { name: configBase, dir, asked: `--config-base ${configBase}` }
  // A whole path: a file may be called as one of the words is.
  return whole === undefined
    ? undefined
    : { name: resolve(dir, whole), dir, asked: `--config-file ${whole}` }
}

/** Over a configuration of one's own only what a VM needs is laid, unless somebody asks for more. */
function nameOfProfile(lab: Lab, { profile }: KernelChoice, onLine: NamedBase | undefined): string {
  const { config, loaded } = lab
  const hasBase = (onLine ?? configuredBase(lab)) !== undefined
  return profile ?? (hasBase && !loaded.sources.has('profile') ? 'vm' : config.profile)
}

function noteOfWhole(file: string | undefined): string[] {
  if (file === undefined) return []
  return [
    `${file} is a whole configuration: it is taken as --config-base would, brought to this tree and compiler, with what a VM needs over it`,
  ]
}

/**
 * A tree that was configured in itself may hold a kernel, too. Whether that is up to date only a `make` there could tell, which is not ours to run; so
 * it is booted when it is named, and never because it lies there: a bisection would boot it at every commit.
 */
function noteOfOwnConfig(lab: Lab, choice: KernelChoice, tree: Tree): string[] {
  const isAsked = choice.profile !== undefined || lab.loaded.sources.has('profile')
  if (isAsked || !existsSync(join(tree.path, '.config'))) return []
  const image = existsSync(join(tree.path, archFacts(DEFAULT_ARCH).image.path))
  const boot = image ? `, --kernel ${tree.path} boots the kernel that lies there, as it is` : ''
  return [
    `${tree.path} has a .config of its own, and klab builds its profile ${lab.config.profile}: --config-base tree builds that configuration${boot}`,
  ]
}
