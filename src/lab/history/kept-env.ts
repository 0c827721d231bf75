import { InfraError } from '../../base/index.ts'

/** What is kept of a run's variables: all names, and no value, for those are where tokens and passwords are. */
export interface KeptEnv {
  readonly env: readonly string[]
  /** Those that were given a value; the others were passed on from the environment, if they were in it. */
  readonly unkept: readonly string[]
}

/** The names of variables as --env takes them; of one that was said twice, the last counts. Pure. */
export function keptEnv(asked: readonly string[]): KeptEnv {
  const given = new Map(asked.map((item) => [nameOf(item), item.includes('=')]))
  const unkept = [...given].filter(([, hasValue]) => hasValue).map(([name]) => name)
  return { env: [...given.keys()], unkept }
}

/**
 * The variables of a run that is done again, with the values that its user gives once more: `sources` are lists as --env takes them, later ones win,
 * and `env` is the environment. Throws InfraError for a value that nobody gives. Pure.
 */
export function envAgain(
  { env: names, unkept }: KeptEnv,
  { run, sources, env }: { run: string; sources: readonly string[]; env: NodeJS.ProcessEnv },
): string[] {
  const given = new Map(
    sources.filter((item) => item.includes('=')).map((one) => [nameOf(one), one]),
  )
  const missing = unkept.filter((name) => !given.has(name) && env[name] === undefined)
  if (missing.length > 0)
    throw new InfraError(
      'REPLAY',
      `run ${run} was given a value for ${missing.join(', ')}, and klab keeps no values: give it again, in the environment or with ${missing.map((name) => `--env ${name}=…`).join(' ')}`,
    )
  const again = names.map((name) => {
    const value = env[name]
    return (
      given.get(name) ?? (unkept.includes(name) && value !== undefined ? `${name}=${value}` : name)
    )
  })
  const added = [...given].filter(([name]) => !names.includes(name)).map(([, item]) => item)
  return [...again, ...added]
}

function nameOf(item: string): string {
  return item.split('=', 1)[0] ?? ''
}
