import type { KconfigValue, WantedOption } from './kconfig.ts'

/** What this machine has of what a whole configuration may need. */
export interface Surroundings {
  /** The configuration, for people. */
  readonly source: string
  /** Whether a file is there; a relative one is the tree's. */
  readonly hasFile: (path: string) => boolean
  /** Whether a program is on PATH. */
  readonly hasProgram: (name: string) => boolean
}

interface Adjusted {
  readonly options: readonly WantedOption[]
  /** One for each option. */
  readonly notes: readonly string[]
}

/** Options that name files, without which make fails; and what they become then. */
const FILES: Readonly<Record<string, KconfigValue>> = {
  SYSTEM_TRUSTED_KEYS: '""',
  SYSTEM_REVOCATION_KEYS: '""',
  SYSTEM_BLACKLIST_HASH_LIST: '""',
  // The one that make makes by itself (certs/Makefile).
  MODULE_SIG_KEY: '"certs/signing_key.pem"',
  INITRAMFS_SOURCE: '""',
}

/** Options that need a program, without which make fails when almost all is compiled. */
const PROGRAMS: Readonly<Record<string, string>> = { DEBUG_INFO_BTF: 'pahole' }

/** What of a whole configuration cannot be built where it is now: keys of the distribution that wrote it, programs that are not here. Pure. */
export function adjustBase(
  options: ReadonlyMap<string, KconfigValue>,
  { source, hasFile, hasProgram }: Surroundings,
): Adjusted {
  const changed: { option: WantedOption; note: string }[] = []
  for (const [name, value] of Object.entries(FILES)) {
    const text = (options.get(name) ?? '').replaceAll('"', '')
    const missing = text.split(' ').find((file) => file !== '' && !hasFile(file))
    if (missing === undefined || options.get(name) === value) continue
    const note = `CONFIG_${name} of ${source} names ${missing}, which is not here: it is ${value} now`
    changed.push({ option: { name, value, source, by: 'klab' }, note })
  }
  for (const [name, program] of Object.entries(PROGRAMS)) {
    if (options.get(name) !== 'y' || hasProgram(program)) continue
    const note = `CONFIG_${name} of ${source} needs ${program}, which is not installed: it is switched off`
    changed.push({ option: { name, value: 'n', source, by: 'klab' }, note })
  }
  return { options: changed.map(({ option }) => option), notes: changed.map(({ note }) => note) }
}
