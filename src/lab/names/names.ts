import { readFileSync } from 'node:fs'

import type { Lab } from '../session/context.ts'
import type { NamedVm } from '../vms/registry.ts'

/** What something is called, and what tells it from the others. */
export interface Named {
  readonly name: string
  readonly about: string
}

/** Words of a command line that say of what the names are wanted: a VM, for its snapshots. */
type Given = readonly string[]

/** No list is longer: nobody reads more. */
const MAX_NAMES = 500
const MAX_RUNS = 50

/** How each kind of thing is listed. What is needed for it is loaded then: whoever waits for a list has pressed a key. */
const LISTS = {
  vms: vmsOf,
  /** VMs that can be started again, and machines that VMs can be started as. */
  startable: async (lab) => [
    ...(await registryOf(lab))
      .list()
      .filter(({ state }) => state === 'stopped')
      .map(namedVm),
    ...machinesOf(lab),
  ],
  machines: async (lab) => machinesOf(lab),
  builtKernels: (lab) => builtKernels(lab),
  kernels: async (lab) => {
    const { installedReleases } = await import('../../kernel/index.ts')
    const installed = installedReleases().map((name) => ({ name, about: 'installed' }))
    return [...(await builtKernels(lab)), ...installed]
  },
  profiles: async ({ config }) => {
    const { findProfile, PROFILE_NAMES } = await import('../../kernel/index.ts')
    return [
      ...PROFILE_NAMES.map((name) => ({ name, about: findProfile(name).summary })),
      ...Object.entries(config.profiles).map(([name, { summary }]) => ({
        name,
        about: summary,
      })),
    ]
  },
  runs: async (lab) => {
    const { listRuns } = await import('../history/history.ts')
    return (await listRuns(lab, { limit: MAX_RUNS })).map(({ id, outcome, argv }) => ({
      name: id,
      about: `${outcome?.kind ?? 'running'}: ${argv.join(' ')}`,
    }))
  },
  crashes: async (lab) => {
    const { listCrashes } = await import('../crashes/list.ts')
    return (await listCrashes(lab)).map(({ fingerprint, title }) => ({
      name: fingerprint.slice(0, 8),
      about: title,
    }))
  },
  templates: async (lab) => {
    const { TemplateStore } = await import('../boot/templates.ts')
    return (await new TemplateStore(lab).list()).map(({ key, release, machine }) => ({
      name: key,
      about: `${release}, ${machine.type}, ${machine.memoryMiB} MiB`,
    }))
  },
  snapshots: async (lab, [vm = '']) => {
    const { listSnapshots } = await import('../vms/snapshots.ts')
    const found = (await registryOf(lab)).find(vm)
    const all = found ? listSnapshots(lab.paths, found) : []
    return all.map(({ name, createdAt }) => ({ name, about: createdAt }))
  },
  settings: async (lab) => {
    const { leafAt, settingPaths } = await import('../config/leaves.ts')
    return settingPaths(Object.keys(lab.config.machines)).map((path) => ({
      name: path,
      about: leafAt(path)?.description ?? '',
    }))
  },
  users: async () =>
    readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .flatMap((line) => /^([\w.-]+):/.exec(line)?.[1] ?? [])
      .map((name) => ({ name, about: '' })),
  variables: async ({ env }) => Object.keys(env).map((name) => ({ name, about: '' })),
} as const satisfies Record<string, (lab: Lab, given: Given) => Promise<Named[]>>

export type NameKind = keyof typeof LISTS

/** The names of a kind, as far as they can be found out. */
export async function namesOf(lab: Lab, kind: NameKind, given: Given): Promise<Named[]> {
  return (await LISTS[kind](lab, given)).slice(0, MAX_NAMES)
}

async function vmsOf(lab: Lab): Promise<Named[]> {
  return (await registryOf(lab)).list().map(namedVm)
}

function namedVm({ name, state, release, kernel }: NamedVm): Named {
  return { name, about: `${state}, ${release ?? kernel}` }
}

async function registryOf({ paths }: Lab) {
  const { VmRegistry } = await import('../vms/registry.ts')
  return new VmRegistry(paths)
}

function machinesOf({ config }: Lab): Named[] {
  return Object.entries(config.machines).map(([name, { cpus, memory }]) => ({
    name,
    about: [
      'machine of the configuration',
      ...(cpus === undefined ? [] : [`${cpus} CPUs`]),
      ...(memory === undefined ? [] : [`${memory} MiB`]),
    ].join(', '),
  }))
}

async function builtKernels({ paths }: Lab): Promise<Named[]> {
  const { KernelStore } = await import('../../kernel/index.ts')
  return (await new KernelStore(paths.cache).list()).map(({ manifest }) => ({
    name: manifest.id,
    about: `${manifest.release}, ${manifest.profile}`,
  }))
}
