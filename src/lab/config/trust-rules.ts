import { parseSizeBytes } from '../../base/index.ts'

/** What a project's file asks for that is only done for one that its user trusts. */
export interface Ask {
  /** `qemu`, `machines.big.shares`. */
  readonly path: string
  readonly value: unknown
  /** What it does: `starts a program`. */
  readonly why: string
}

interface Rule {
  readonly why: string
  /** Whether so much of it is free for all. */
  readonly isFree: (value: unknown) => boolean
}

const FREE: Rule = { why: '', isFree: () => true }
const none = (value: unknown) => Array.isArray(value) && value.length === 0
const withholds = (why: string, isFree: Rule['isFree'] = none): Rule => ({ why, isFree })

/** A string may name a file of this machine (INITRAMFS_SOURCE, MODULE_SIG_KEY), which then is in the kernel. */
const PLAIN_OPTION = /^CONFIG_\w+=(?:[ymn]|-?\d+|0x[0-9a-f]+)$/i
const arePlain = (value: unknown) => all(value, (one) => PLAIN_OPTION.test(one))
const OPTIONS = withholds('reads files of this machine into a kernel', arePlain)

/** Configurations that are no file of the project's choice, and the profiles of klab (test: as kernel/ has them). */
const NAMED_BASES = ['', 'running', 'defconfig', 'tree']
export const KLAB_PROFILES = ['minimal', 'debug', 'vm']
const BASE = withholds('reads a file of this machine into a kernel', (value) =>
  NAMED_BASES.includes(String(value)),
)

const MACHINE: Readonly<Record<string, Rule>> = {
  ...{ cpus: FREE, memory: FREE, accel: FREE, type: FREE, root: FREE, transport: FREE },
  ...{ topology: FREE, nodes: FREE, pin: FREE, reboot: FREE, parameters: FREE },
  ...{ bootTimeout: FREE, timeout: FREE, idleTimeout: FREE, shareFallback: FREE },
  shares: withholds('gives guests directories of this machine'),
  disks: withholds('gives guests files of this machine', (value) =>
    all(value, (disk) => parseSizeBytes(disk.split(':')[0] ?? '') !== undefined),
  ),
  net: withholds('reaches networks', (value) =>
    all(typeof value === 'string' ? [value] : value, (net) => /^(?:none|restrict)$/.test(net)),
  ),
  publish: withholds('publishes ports on this machine'),
  display: withholds('opens a screen on this machine', (value) => value === 'none'),
  qemuArgs: withholds('tells QEMU what klab knows nothing of'),
}

const CLEANING = withholds('decides what klab deletes of your history and cache', () => false)
const PROGRAM = withholds('starts a program', () => false)

/**
 * What a project's file may say to anybody: it concerns guests and verdicts alone. Whatever is not here, a setting that is new
 * as well, needs trust.
 */
const RULES: Readonly<Record<string, Rule>> = {
  profile: FREE,
  ...Object.fromEntries(Object.entries(MACHINE).map(([name, rule]) => [`machine.${name}`, rule])),
  'build.compiler': FREE,
  'build.crossCompile': withholds('starts programs', (value) => value === ''),
  'build.ccache': FREE,
  'build.jobs': FREE,
  'build.options': OPTIONS,
  'build.configBase': BASE,
  'run.grace': FREE,
  'run.onCrash': FREE,
  'run.allowReports': FREE,
  // What it sets is known to whoever wrote it; what it passes on is the user's.
  'run.env': withholds('passes your environment to guests', (value) =>
    all(value, (one) => one.includes('=')),
  ),
  'run.templates': FREE,
  // They are added to the user's own (layers.ts).
  'run.hide': FREE,
  qemu: PROGRAM,
  virtiofsd: PROGRAM,
  'limits.kernels': CLEANING,
  'limits.templates': CLEANING,
  'limits.runs': CLEANING,
  'limits.runsSize': CLEANING,
}

const UNKNOWN = withholds('is not known to be harmless', () => false)

/** What of a file's settings, by their paths, needs trust. Machines and profiles count by what they contain. Pure. */
export function asksOf(values: ReadonlyMap<string, unknown>): Ask[] {
  return [...values].flatMap(([path, value]) => {
    if (path === 'machines') return entriesOf(value).flatMap(([name, one]) => ofMachine(name, one))
    if (path === 'profiles') return ofProfiles(value)
    return asked(path, value, RULES[path] ?? UNKNOWN)
  })
}

/** What a setting of a project's file is free to say: for the documentation. */
export function trustOf(path: string): 'free' | 'partly' | 'needs trust' {
  if (path === 'machines' || path === 'profiles') return 'partly'
  const rule = RULES[path] ?? UNKNOWN
  if (rule === FREE) return 'free'
  return [OPTIONS, BASE, MACHINE['net'], MACHINE['disks'], RULES['run.env']].includes(rule)
    ? 'partly'
    : 'needs trust'
}

function ofMachine(name: string, machine: unknown): Ask[] {
  return entriesOf(machine).flatMap(([field, value]) =>
    asked(`machines.${name}.${field}`, value, MACHINE[field] ?? UNKNOWN),
  )
}

function ofProfiles(value: unknown): Ask[] {
  const profiles = entriesOf(value)
  const names = [...NAMED_BASES, ...KLAB_PROFILES, ...profiles.map(([name]) => name)]
  const base = { ...BASE, isFree: (one: unknown) => names.includes(String(one)) }
  const rules: Readonly<Record<string, Rule>> = {
    ...{ base, fragments: OPTIONS, parameters: FREE, summary: FREE },
  }
  return profiles.flatMap(([name, profile]) =>
    entriesOf(profile).flatMap(([field, inner]) =>
      asked(`profiles.${name}.${field}`, inner, rules[field] ?? UNKNOWN),
    ),
  )
}

function asked(path: string, value: unknown, { why, isFree }: Rule): Ask[] {
  return isFree(value) ? [] : [{ path, value, why }]
}

function all(value: unknown, isOne: (text: string) => boolean): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === 'string' && isOne(one))
}

function entriesOf(value: unknown): [string, unknown][] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : []
}
