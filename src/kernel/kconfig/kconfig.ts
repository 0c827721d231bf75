/** A Kconfig value as it stands in a .config: `y`, `m`, `n`, a number, or a quoted string. */
export type KconfigValue = string

export interface WantedOption {
  /** Without CONFIG_. */
  readonly name: string
  readonly value: KconfigValue
  /** Where it was asked for: a fragment's file name, `--config` … */
  readonly source: string
  /** Said option by option; part of a file that may hold more than was meant; or ours. */
  readonly by: 'user' | 'file' | 'klab'
}

/** The options of a .config or fragment; `# CONFIG_X is not set` is `n`. */
export function parseConfig(text: string): Map<string, KconfigValue> {
  const values = new Map<string, KconfigValue>()
  for (const line of text.split('\n')) {
    const set = /^CONFIG_(\w+)=(.*)$/.exec(line)
    const unset = /^# CONFIG_(\w+) is not set$/.exec(line)
    if (set) values.set(set[1] ?? '', set[2] ?? '')
    else if (unset) values.set(unset[1] ?? '', 'n')
  }
  return values
}

/** One `CONFIG_X=value` or `X=value`; undefined if it is neither. */
export function parseAssignment(text: string): { name: string; value: KconfigValue } | undefined {
  const match = /^(?:CONFIG_)?([A-Za-z0-9_]+)=(.*)$/.exec(text.trim())
  if (!match) return undefined
  const value = match[2] ?? ''
  const plain = /^(?:[ymn]|-?\d+|0x[0-9a-fA-F]+|".*")$/.test(value)
  return { name: match[1] ?? '', value: plain ? value : JSON.stringify(value) }
}

/** The fragment that asks for these options; the last word on an option wins. */
export function formatFragment(wanted: readonly WantedOption[]): string {
  return [...effective(wanted).values()]
    .map(({ name, value }) =>
      value === 'n' ? `# CONFIG_${name} is not set\n` : `CONFIG_${name}=${value}\n`,
    )
    .join('')
}

/** What is wanted in the end, option by option. */
function effective(wanted: readonly WantedOption[]): Map<string, WantedOption> {
  return new Map(wanted.map((option) => [option.name, option]))
}

export interface LostOption extends WantedOption {
  /** What the option is in the final configuration; undefined if it is not mentioned there. */
  readonly got: KconfigValue | undefined
}

/** The wanted options that the final configuration does not have. */
export function lostOptions(
  wanted: readonly WantedOption[],
  final: ReadonlyMap<string, KconfigValue>,
): LostOption[] {
  return [...effective(wanted).values()]
    .map((option) => ({ ...option, got: final.get(option.name) }))
    .filter(({ value, got }) => (got ?? 'n') !== value)
}
