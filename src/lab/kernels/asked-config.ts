import { existsSync } from 'node:fs'
import { join } from 'node:path'

import { UsageError } from '../../base/index.ts'
import {
  archFacts,
  DEFAULT_ARCH,
  findProfile,
  isWholeConfig,
  parseAssignment,
  parseConfig,
  type BuildRequest,
  type Tree,
  type WantedOption,
} from '../../kernel/index.ts'
import type { Lab } from '../session/context.ts'
import type { KernelChoice } from '../spec/kernel-choice.ts'

/** The part of a build that says how the kernel is to be configured. */
type AskedConfig = Pick<BuildRequest, 'profile' | 'base' | 'options' | 'notes'>

/** The configuration that a choice asks for: a profile, over its own base or another, and options over that. Throws UsageError. */
export async function askedConfig(
  lab: Lab,
  choice: KernelChoice,
  tree: Tree,
): Promise<AskedConfig> {
  const { fragments, whole } = await readFiles(choice.configFiles)
  const found = await askedBase(lab, tree, { named: choice.configBase, whole })
  const profile = findProfile(profileName(lab, choice, { hasBase: found !== undefined }))
  const base = found?.base ?? { kind: 'target', target: profile.base }
  const options = [
    ...assignments(lab.config.build.options, 'build.options'),
    ...fragments,
    ...assignments(choice.options, '--config'),
  ]
  return { profile, base, options, notes: found?.notes ?? noteOfOwnConfig(lab, choice, tree) }
}

/** Over a configuration of one's own only what a VM needs is laid, unless somebody asks for more. */
function profileName(
  { config, loaded }: Lab,
  { profile }: KernelChoice,
  { hasBase }: { readonly hasBase: boolean },
): string {
  return profile ?? (hasBase && !loaded.sources.has('profile') ? 'vm' : config.profile)
}

interface Files {
  readonly fragments: readonly WantedOption[]
  /** The one among them that is no fragment. */
  readonly whole: string | undefined
}

/** Reads the files of --config-file. */
async function readFiles(files: readonly string[]): Promise<Files> {
  // Most runs have none.
  if (files.length === 0) return { fragments: [], whole: undefined }
  const { configText } = await import('./config-text.ts')
  const texts = files.map((file) => ({ file, text: configText(file, `--config-file ${file}`) }))
  const whole = texts.filter(({ text }) => isWholeConfig(text)).map(({ file }) => file)
  if (whole.length > 1)
    throw new UsageError(
      `--config-file ${whole[0]} and ${whole[1]} are whole configurations: a kernel has one`,
    )
  const fragments = texts
    .filter(({ file }) => file !== whole[0])
    .flatMap(({ file, text }) => fragmentOptions(file, text))
  return { fragments, whole: whole[0] }
}

function fragmentOptions(file: string, text: string): WantedOption[] {
  const found = parseConfig(text)
  if (found.size === 0)
    throw new UsageError(`--config-file ${file} has no option in it (lines such as CONFIG_X=y)`)
  return [...found].map(([name, value]) => ({ name, value, source: file, by: 'file' }))
}

/** What all is laid over, if it is not the profile's own base. */
async function askedBase(
  lab: Lab,
  tree: Tree,
  { named, whole }: { readonly named: string | undefined; readonly whole: string | undefined },
) {
  if (whole === undefined && named === undefined && lab.config.build.configBase === '')
    return undefined
  const { findBase, namedBase, wholeBase } = await import('./config-base.ts')
  if (whole === undefined) {
    const base = namedBase(lab, named)
    return base && findBase(lab, tree, base)
  }
  if (named !== undefined)
    throw new UsageError(
      `--config-file ${whole} is a whole configuration, and --config-base ${named} another: a kernel has one`,
    )
  const { base, notes } = wholeBase(lab, tree, { path: whole, asked: `--config-file ${whole}` })
  const note = `${whole} is a whole configuration: it is taken as --config-base would, brought to this tree and compiler, with what a VM needs over it`
  return { base, notes: [note, ...notes] }
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

/** Options that are said one by one; later ones win. Throws on a contradiction in one place. */
function assignments(texts: readonly string[], source: string): WantedOption[] {
  const wanted = texts.map((text): WantedOption => {
    const assignment = parseAssignment(text)
    if (!assignment) throw new UsageError(`${source} ${text} is not of the form CONFIG_NAME=value`)
    return { ...assignment, source, by: 'user' }
  })
  for (const { name, value } of wanted) {
    const other = wanted.find((option) => option.name === name && option.value !== value)
    if (other)
      throw new UsageError(
        `${source} contradicts itself: CONFIG_${name}=${value} and CONFIG_${name}=${other.value}`,
      )
  }
  return wanted
}
