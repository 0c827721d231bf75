import { ConfigError, nearest } from '../../base/index.ts'
import type { Config, ConfigInput, MachineConfig } from './schema.ts'

export type MachineInput = NonNullable<ConfigInput['machine']>

/** The machine of a run: the configured one, a named variant over it, the command line over both. */
export async function machineFor(
  config: Config,
  name: string | undefined,
  flags: MachineInput,
): Promise<MachineConfig> {
  const named = name === undefined ? {} : config.machines[name]
  if (!named) throw new ConfigError(noMachine(config, name ?? ''))
  const isPlain = Object.values(flags).every((value) => Array.isArray(value) && value.length === 0)
  if (isPlain && name === undefined) return config.machine
  const { configSchema } = await import('./schema.ts')
  const parsed = configSchema.safeParse({ machine: flags })
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw new ConfigError(`--${issue?.path.at(1)?.toString() ?? 'machine'}: ${issue?.message}`)
  }
  // Only what was given: the schema fills in defaults, and those are weaker than the file.
  const given = Object.entries(parsed.data.machine).filter(([key]) => key in flags)
  const lists = {
    shares: [...config.machine.shares, ...(named.shares ?? []), ...parsed.data.machine.shares],
    disks: [...config.machine.disks, ...(named.disks ?? []), ...parsed.data.machine.disks],
    qemuArgs: [
      ...config.machine.qemuArgs,
      ...(named.qemuArgs ?? []),
      ...parsed.data.machine.qemuArgs,
    ],
    publish: [...config.machine.publish, ...(named.publish ?? []), ...parsed.data.machine.publish],
    parameters: [
      ...config.machine.parameters,
      ...(named.parameters ?? []),
      ...parsed.data.machine.parameters,
    ],
  }
  const defined = Object.entries(named).filter(([, value]) => value !== undefined)
  return {
    ...config.machine,
    ...Object.fromEntries(defined),
    ...Object.fromEntries(given),
    ...lists,
  }
}

/** What is said of a machine that the configuration has not. */
export function noMachine(config: Config, name: string): string {
  const names = Object.keys(config.machines)
  const near = nearest(name, names)
  return `there is no machine ${name} in the configuration${near ? `; did you mean ${near}?` : ''} (machines: ${names.join(', ') || 'none'})`
}
