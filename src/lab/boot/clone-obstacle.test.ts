import { expect, test } from 'vitest'

import { PLAIN, type Disk, type Machine } from '../../vm/index.ts'
import { configSchema, type ConfigInput } from '../config/schema.ts'
import { vmSpecOf } from '../spec/from-config.ts'
import type { Start } from '../spec/vm-spec.ts'
import { cloneObstacle } from './clone-obstacle.ts'

interface Case {
  readonly start?: Start
  readonly asked?: ConfigInput['machine']
  readonly templates?: boolean
  readonly agentPath?: string
  readonly transport?: '9p' | 'virtiofs'
  readonly mounts?: readonly unknown[]
  readonly machine?: Partial<Machine>
  readonly hasDisplay?: boolean
}

const disk = (kind: Disk['interface'], source: Disk['source']): Disk => ({
  ...{ interface: kind, source, serial: 'disk0' },
})
const scratch = { kind: 'scratch', bytes: 2 ** 20 } as const
const file = { kind: 'file', path: '/d', format: 'raw', bytes: 2 ** 20, access: 'cow' } as const

const NO_VIRTIOFS = 'a virtiofs device cannot be carried over'
const TEMPLATE_CASES: readonly (readonly [string, Case, string | undefined])[] = [
  ['is cloned where nothing is said', {}, undefined],
  ['is cloned with networks of its own', { asked: { net: ['user', 'lab:red'] } }, undefined],
  ['is cloned with an empty disk', { machine: { disks: [disk('virtio', scratch)] } }, undefined],
  // Nothing is told where it is as the user wants it.
  ['boots when it is to (--fresh)', { start: 'boot' }, ''],
  ['boots when it is held for a debugger', { start: 'held' }, ''],
  ['boots with another PID 1', { agentPath: '/init' }, ''],
  ['boots where the configuration has no templates', { templates: false }, ''],
  [
    'boots when it came to virtiofs, and is told why',
    { transport: 'virtiofs' },
    `its kernel has no 9p, and ${NO_VIRTIOFS}`,
  ],
  [
    'boots with the virtiofs that was asked for',
    { transport: 'virtiofs', asked: { transport: 'virtiofs' } },
    NO_VIRTIOFS,
  ],
  ['is cloned by virtiofs when it has no files', { transport: 'virtiofs', mounts: [] }, undefined],
  ['boots with a display', { hasDisplay: true }, 'a display cannot be carried over'],
  ['boots on a bridge', { asked: { net: 'bridge=br0' } }, 'its card depends on the bridge'],
  [
    "boots with QEMU's own arguments",
    { machine: { qemuArgs: ['-snapshot'] } },
    "QEMU's own arguments may name what cannot be carried over",
  ],
  [
    'boots with NVMe',
    { machine: { disks: [disk('nvme', scratch)] } },
    'a disk of kind nvme cannot be carried over',
  ],
  [
    'boots with a file for a disk',
    { machine: { disks: [disk('virtio', file)] } },
    'a guest that has seen a disk remembers what was on it',
  ],
  ['boots with nodes', { machine: { nodes: 2 } }, 'memory of several nodes cannot be one file'],
  [
    'boots when it may reboot',
    { machine: { reboots: true } },
    'a clone has no initramfs to boot from again',
  ],
]

test.each(TEMPLATE_CASES)('a VM %s', (_, one, why) => {
  expect(cloneObstacle(question(one))).toBe(why)
})

function question({ start = 'clone', transport = '9p', mounts = ['root'], ...one }: Case) {
  const { machine, run } = configSchema.parse({ machine: one.asked ?? {} })
  const kernel = { options: [], configFiles: [] }
  return {
    lab: { config: { run: { ...run, templates: one.templates ?? true } } },
    request: {
      vm: vmSpecOf(machine, { kernel, start, cwd: '/' }),
      ...(one.agentPath !== undefined && { agentPath: one.agentPath }),
    },
    decision: {
      plan: { transport },
      machine: {
        ...{ ...PLAIN, arch: 'x86_64', type: 'microvm', cpus: 2, memoryMiB: 512 },
        ...one.machine,
      } as Machine,
      ...(one.hasDisplay && { display: { kind: 'vnc', socket: '/s' } as const }),
    },
    view: { mounts },
  }
}
