import { readFileSync } from 'node:fs'

import { UsageError, nearest } from '../../base/index.ts'
import { packagePath } from '../../host/index.ts'
import { parseConfig, type WantedOption } from './kconfig.ts'

interface ProfileFacts {
  readonly summary: string
  /** What the fragments are laid over; with allnoconfig the result is exactly what they ask for. */
  readonly base: 'allnoconfig' | 'defconfig'
  /** Files in profiles/, without `.config`; later ones win. One named `x.ARCH` is added where there is one. */
  readonly fragments: readonly string[]
  /** Kernel parameters that go with it. */
  readonly parameters: readonly string[]
  /** How much slower than the minimal kernel it boots and runs; deadlines are multiplied by it. */
  readonly slowness: number
  /** Lines that a full build prints, for the progress of the first one; later ones know their own count. */
  readonly steps: number
}

const PROFILES = {
  minimal: {
    summary: 'the smallest kernel that supports every klab feature; all drivers built in',
    base: 'allnoconfig',
    fragments: ['core', 'guest', 'machine', 'userland'],
    parameters: [],
    slowness: 1,
    steps: 2000,
  },
  debug: {
    summary: 'minimal with KASAN, lockdep, hung-task and lockup detection, and DWARF',
    base: 'allnoconfig',
    fragments: ['core', 'guest', 'machine', 'userland', 'debug'],
    parameters: ['rcupdate.rcu_expedited=1'],
    slowness: 6,
    steps: 2150,
  },
} as const satisfies Record<string, ProfileFacts>

export type ProfileName = keyof typeof PROFILES

export interface Profile extends ProfileFacts {
  readonly name: string
}

const PROFILE_NAMES = Object.keys(PROFILES) as readonly ProfileName[]

/** A profile by name. Throws UsageError naming those that exist. */
export function findProfile(name: string): Profile {
  const facts = PROFILES[name as ProfileName] as ProfileFacts | undefined
  if (facts) return { name, ...facts }
  const near = nearest(name, PROFILE_NAMES)
  throw new UsageError(
    `there is no profile ${name}${near ? `; did you mean ${near}?` : ''} (there are: ${PROFILE_NAMES.join(', ')})`,
  )
}

/** The options that a profile wants, fragment by fragment. */
export function profileOptions(profile: Profile, arch: string): WantedOption[] {
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
  return [...parseConfig(text)].map(([name, value]) => ({ name, value, source: `${file}.config` }))
}
