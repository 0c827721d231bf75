import { existsSync } from 'node:fs'
import { dirname, isAbsolute, resolve } from 'node:path'

import { ConfigError, nearest } from '../../base/index.ts'
import {
  findProfile,
  PROFILE_NAMES,
  type Profile,
  type ProfileName,
  type WantedOption,
} from '../../kernel/index.ts'
import type { Config } from '../config/schema.ts'
import type { Lab } from '../session/context.ts'
import { BASE_WORDS, type NamedBase } from './named-base.ts'
import { assignments, readFiles } from './options-files.ts'

/** A profile with what one of the configuration adds to klab's own. */
export interface ChosenProfile {
  readonly profile: Profile
  readonly options: readonly WantedOption[]
  /** What it is laid over, if that is not klab's to say. */
  readonly base: NamedBase | undefined
}

type OwnProfile = Config['profiles'][string]

/** A profile of klab, or of the configuration (`profiles`). Throws UsageError or ConfigError. */
export async function chosenProfile(lab: Lab, name: string): Promise<ChosenProfile> {
  const { profiles } = lab.config
  const own = Object.keys(profiles)
  const taken = own.find(isKlabs)
  if (taken !== undefined)
    throw new ConfigError(
      `profiles.${taken}: klab has a profile of that name; choose another, with base: ${taken}`,
    )
  if (!Object.hasOwn(profiles, name))
    return { profile: findProfile(name, own), options: [], base: undefined }
  return await ownProfile(lab, name, [])
}

async function ownProfile(
  lab: Lab,
  name: string,
  before: readonly string[],
): Promise<ChosenProfile> {
  const path = [...before, name]
  if (before.includes(name))
    throw new ConfigError(`profiles.${name}: its base leads back to it (${path.join(' -> ')})`)
  const own = lab.config.profiles[name]
  if (!own) return { profile: findProfile(name), options: [], base: undefined }
  const source = lab.loaded.sources.get('profiles') ?? ''
  const dir = isAbsolute(source) ? dirname(source) : lab.cwd
  const below = await baseOf(lab, own, { path, dir })
  const { parameters } = below.profile
  return {
    profile: {
      ...below.profile,
      ...{ name, summary: own.summary, parameters: [...parameters, ...own.parameters] },
    },
    options: [...below.options, ...(await fragmentsOf(own, { name, dir }))],
    base: below.base,
  }
}

/** What a profile goes on from: another, or what --config-base takes. */
async function baseOf(
  lab: Lab,
  { base }: OwnProfile,
  { path, dir }: { readonly path: readonly string[]; readonly dir: string },
): Promise<ChosenProfile> {
  const names = Object.keys(lab.config.profiles)
  if (names.includes(base) || isKlabs(base)) return await ownProfile(lab, base, path)
  const asked = `profiles.${path.at(-1)}.base: ${base}`
  if (!BASE_WORDS.some((word) => word === base) && !existsSync(resolve(dir, base))) {
    const near = nearest(base, [...names, ...PROFILE_NAMES, ...BASE_WORDS])
    throw new ConfigError(
      `${asked}: there is no such profile and no such file${near ? `; did you mean ${near}?` : ''}`,
    )
  }
  return { profile: findProfile('vm'), options: [], base: { name: base, dir, asked } }
}

async function fragmentsOf(
  { fragments }: OwnProfile,
  { name, dir }: { readonly name: string; readonly dir: string },
): Promise<WantedOption[]> {
  const asked = `profiles.${name}`
  const found: WantedOption[] = []
  for (const one of fragments) {
    if (/^CONFIG_\w+=/.test(one)) {
      found.push(...assignments([one], asked))
      continue
    }
    const { options, whole } = await readFiles([{ file: resolve(dir, one), asked }])
    if (whole !== undefined)
      throw new ConfigError(
        `${asked}: ${one} is a whole configuration, and no fragment: name it as base`,
      )
    found.push(...options)
  }
  return found
}

function isKlabs(name: string): name is ProfileName {
  return PROFILE_NAMES.some((one) => one === name)
}
