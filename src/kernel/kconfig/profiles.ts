import { readFileSync } from 'node:fs'

import { nearest, packagePath, UsageError } from '../../base/index.ts'
import type { Arch } from '../arch/arch.ts'
import { parseConfig, type WantedOption } from './kconfig.ts'

interface ProfileFacts {
  readonly summary: string
  /** What the fragments are laid over where nothing else is asked for. */
  readonly base: 'allnoconfig' | 'defconfig'
  /** Files in profiles/, without `.config`; later ones win. One named `x.ARCH` is added where there is one. */
  readonly fragments: readonly string[]
  /** Kernel parameters that go with it. */
  readonly parameters: readonly string[]
  /** How much slower than the minimal kernel it boots and runs; deadlines are multiplied by it. */
  readonly slowness: number
  /** Lines that a full build prints, for the progress of the first one, if it is laid over its own base. */
  readonly steps?: number
}

/** The profiles that there are. */
const PROFILES = {
  minimal: {
    summary: 'the smallest kernel that supports every klab feature; all drivers built in',
    base: 'allnoconfig',
    fragments: ['core', 'choices', 'guest', 'machine', 'userland'],
    parameters: [],
    slowness: 1,
    steps: 2000,
  },
  debug: {
    summary: 'minimal with KASAN, lockdep, hung-task and lockup detection, and DWARF',
    base: 'allnoconfig',
    fragments: ['core', 'choices', 'guest', 'machine', 'userland', 'debug'],
    parameters: ['rcupdate.rcu_expedited=1'],
    slowness: 6,
    steps: 2150,
  },
  vm: {
    summary: 'what a VM needs, and no more, over defconfig or a configuration of your own',
    base: 'defconfig',
    fragments: ['core', 'guest'],
    parameters: [],
    slowness: 1,
  },
} as const satisfies Record<string, ProfileFacts>

export type ProfileName = keyof typeof PROFILES

export interface Profile extends ProfileFacts {
  readonly name: string
}

export const PROFILE_NAMES = Object.keys(PROFILES) as readonly ProfileName[]

/** A profile by name. Throws UsageError naming those that exist, and `others` that somebody else knows. */
export function findProfile(name: string, others: readonly string[] = []): Profile {
  const known = PROFILE_NAMES.find((one) => one === name)
  if (known) return { name, ...(PROFILES[known] satisfies ProfileFacts) }
  const names = [...PROFILE_NAMES, ...others]
  const near = nearest(name, names)
  throw new UsageError(
    `there is no profile ${name}${near ? `; did you mean ${near}?` : ''} (there are: ${names.join(', ')})`,
  )
}

/** The options that a profile wants, fragment by fragment. */
export function profileOptions(profile: Profile, arch: Arch): WantedOption[] {
  return profile.fragments.flatMap((fragment) =>
    [fragment, `${fragment}.${arch}`].flatMap((file) => fragmentOptions(file)),
  )
}

function fragmentOptions(file: string): WantedOption[] {
  let text: string
  try {
    text = readFileSync(packagePath('profiles', `${file}.config`), 'utf8')
  } catch {
    return []
  }
  const source = `${file}.config`
  return [...parseConfig(text)].map(([name, value]) => ({ name, value, source, by: 'klab' }))
}
