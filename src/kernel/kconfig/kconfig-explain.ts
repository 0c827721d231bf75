import { nearest } from '../../base/index.ts'
import { unmetParts } from './kconfig-expression.ts'
import type { KconfigTree, SymbolDefinition } from './kconfig-tree.ts'
import type { KconfigValue, LostOption } from './kconfig.ts'

/** Why a wanted option is not in the final configuration, as one sentence. */
export function explainLost(
  lost: LostOption,
  tree: KconfigTree,
  final: ReadonlyMap<string, KconfigValue>,
): string {
  const { name, value, got, source } = lost
  const asked = `CONFIG_${name}=${value} (asked for by ${source})`
  const definitions = tree.symbols.get(name)
  if (!definitions) {
    const near = nearest(name, [...tree.symbols.keys()])
    return `${asked}: no such symbol in this tree${near ? `; did you mean ${near}?` : ''}`
  }
  return `${asked} became ${got ?? 'n'}: ${reason(lost, { definitions, tree, final })}`
}

function reason(
  { name, value, got }: LostOption,
  facts: {
    readonly definitions: readonly SymbolDefinition[]
    readonly tree: KconfigTree
    readonly final: ReadonlyMap<string, KconfigValue>
  },
): string {
  const { definitions, tree, final } = facts
  // With several definitions the one nearest to being met says most.
  const unmet = definitions
    .map(({ dependencies }) => dependencies.flatMap((condition) => unmetParts(condition, final)))
    .toSorted((a, b) => a.length - b.length)
    .at(0)
  const where = definitions[0] ? ` (${definitions[0].file}:${definitions[0].line})` : ''
  const selectors = (tree.selectedBy.get(name) ?? []).filter((by) => (final.get(by) ?? 'n') !== 'n')
  if (value === 'n' && selectors.length > 0)
    return `it is selected by ${selectors.join(', ')}${where}`
  if (value !== 'n' && unmet && unmet.length > 0)
    return `it depends on ${[...new Set(unmet)].join(', ')}${where}`
  if (value === 'm' && definitions.every(({ type }) => type === 'bool')) {
    return `it can only be y or n${where}`
  }
  if (value === 'm' && got === 'y')
    return `it is forced to y by ${selectors.join(', ') || 'a dependency'}${where}`
  if (definitions.every(({ hasPrompt }) => !hasPrompt)) {
    const by = tree.selectedBy.get(name)
    return `it cannot be set by itself${by ? `; it is selected by ${by.slice(0, 5).join(', ')}` : ''}${where}`
  }
  if (definitions.some(({ choice }) => choice))
    return `another option of its choice was taken${where}`
  return `the value is out of its range, or an option that wants another value wins${where}`
}
