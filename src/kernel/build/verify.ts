import { InfraError } from '../../base/index.ts'
import { archFacts } from '../arch/arch.ts'
import type { ConfigBase } from '../kconfig/config-base.ts'
import { explainLost } from '../kconfig/kconfig-explain.ts'
import { readKconfig, type KconfigTree } from '../kconfig/kconfig-tree.ts'
import { lostOptions, type KconfigValue, type LostOption } from '../kconfig/kconfig.ts'
import type { BuildPlan, BuildRequest } from './plan.ts'

type Values = ReadonlyMap<string, KconfigValue>

/**
 * Compares a configuration with what was wanted of it. Throws InfraError for options that somebody asked for, or a VM needs, and that are not in it;
 * returns what else is to be said.
 */
export function verifyConfig(
  { tree, arch, base }: BuildRequest,
  { wanted }: BuildPlan,
  final: Values,
): string[] {
  const lost = lostOptions(wanted, final)
  if (lost.length === 0 && base.kind === 'target') return []
  const kconfig = readKconfig(tree.path, archFacts(arch).directory)
  const missed = lost.filter((option) => isMissed(option, kconfig))
  if (missed.length > 0) {
    const reasons = missed.map((option) => explainLost(option, kconfig, final))
    const count = missed.length === 1 ? 'an option' : `${missed.length} options`
    throw new InfraError(
      'CONFIG_LOST',
      `the configuration of ${tree.path} lost ${count}: ${reasons[0]}`,
      { details: reasons.slice(1) },
    )
  }
  const derived = lost.filter(({ by, name }) => by === 'file' && kconfig.symbols.has(name))
  const changed = changedOptions(base, { wanted: new Set(wanted.map(({ name }) => name)), final })
  return [
    ...notesOf(derived, 'cannot be set by itself, and is'),
    ...notesOf(
      changed.filter(({ name }) => isAskable(name, kconfig)),
      'could not be kept in this tree, with this compiler, is',
    ),
  ]
}

function isMissed({ by, name }: LostOption, kconfig: KconfigTree): boolean {
  switch (by) {
    case 'user':
      return true
    // A part of somebody's configuration has in it what was derived there: from the compiler, from other options.
    case 'file':
      return !kconfig.symbols.has(name) || isAskable(name, kconfig)
    // A profile is for trees of all ages: what this one does not know is not for it.
    case 'klab':
      return kconfig.symbols.has(name)
  }
}

/** A symbol without a prompt has the value that Kconfig derives. */
function isAskable(name: string, { symbols }: KconfigTree): boolean {
  return symbols.get(name)?.some(({ hasPrompt }) => hasPrompt) ?? false
}

/** What of a base is otherwise in the end, though nobody asked for that. */
function changedOptions(
  base: ConfigBase,
  { wanted, final }: { readonly wanted: ReadonlySet<string>; readonly final: Values },
): LostOption[] {
  if (base.kind === 'target') return []
  const asked = [...base.options].map(([name, value]) => ({
    ...{ name, value, source: base.source, by: 'file' as const },
  }))
  // A module that is built in is not lost.
  return lostOptions(asked, final).filter(
    ({ name, value, got }) => !wanted.has(name) && !(value === 'm' && got === 'y'),
  )
}

/** How many options a note names. */
const NAMED = 5

function notesOf(options: readonly LostOption[], why: string): string[] {
  const bySource = Object.entries(Object.groupBy(options, ({ source }) => source))
  return bySource.map(([source, some = []]) => {
    const named = some
      .slice(0, NAMED)
      .map(({ name, value, got }) => `CONFIG_${name}=${value} became ${got ?? 'n'}`)
    const more = some.length > NAMED ? `, and ${some.length - NAMED} more` : ''
    return `what of ${source} ${why} otherwise: ${named.join(', ')}${more}`
  })
}
