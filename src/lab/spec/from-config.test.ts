import { expect, test } from 'vitest'

import { configSchema, type ConfigInput } from '../config/schema.ts'
import { limitsOf, vmSpecOf } from './from-config.ts'

const kernel = { tree: '/linux', options: ['CONFIG_KASAN=y'], configFiles: [] }
const machineOf = (machine: ConfigInput['machine']) => configSchema.parse({ machine }).machine
const specFrom = (machine: ConfigInput['machine']) =>
  vmSpecOf(machineOf(machine), { kernel, start: 'clone', cwd: '/tmp' })

test('a machine of which nothing is said is a small one, with this machine as its root', () => {
  expect(specFrom({})).toEqual({
    kernel,
    machine: {
      ...{ arch: 'x86_64', cpus: 2, memoryMiB: 1024, accel: 'auto', type: 'auto' },
      ...{ display: 'none', parameters: [], nodes: 1, qemuArgs: [], pinned: [] },
      ...{ reboots: false, disks: [] },
    },
    ...{ root: { kind: 'host' }, shares: [], shareFallback: 'none', transport: 'auto' },
    ...{ networks: [], start: 'clone', bootTimeoutMs: 30_000 },
  })
})

test('everything that can be said of one arrives', () => {
  const spec = specFrom({
    ...{ cpus: 8, memory: '2G', accel: 'tcg', type: 'q35', display: 'vnc', parameters: ['quiet'] },
    ...{ topology: '2x4x1', nodes: 2, qemuArgs: ['-snapshot'], pin: [0, 1], reboot: true },
    ...{ disks: ['16M', '1G:nvme:serial=big'], root: 'none', shares: ['ro:/tmp:/mnt'] },
    ...{ shareFallback: 'copy', transport: '9p', net: ['user', 'lab:red'], publish: ['0:22'] },
    bootTimeout: '2m',
  })
  expect(spec).toMatchObject({
    machine: {
      ...{ cpus: 8, memoryMiB: 2048, accel: 'tcg', type: 'q35', display: 'vnc' },
      ...{ parameters: ['quiet'], nodes: 2, qemuArgs: ['-snapshot'], pinned: [0, 1] },
      ...{ topology: { sockets: 2, cores: 4, threads: 1 }, reboots: true },
      // Named by their places, unless they are named.
      disks: [{ serial: 'disk0' }, { serial: 'big', interface: 'nvme' }],
    },
    ...{ root: { kind: 'none' }, shares: [{ mode: 'ro', guest: '/mnt' }], shareFallback: 'copy' },
    ...{ transport: '9p', networks: [{ kind: 'user' }, { kind: 'lab', segment: 'red' }] },
    bootTimeoutMs: 120_000,
  })
})

test('limits are those of the machine; none by default', () => {
  expect(limitsOf(machineOf({}))).toEqual({ timeoutMs: null, idleTimeoutMs: null })
  expect(limitsOf(machineOf({ timeout: '5m', idleTimeout: 90 }))).toEqual({
    ...{ timeoutMs: 300_000, idleTimeoutMs: 90_000 },
  })
})

test.each<[string, ConfigInput['machine']]>([
  ['--topology 2x2 is not SOCKETSxCORESxTHREADS', { topology: '2x2' }],
  ['--topology 1x1x1x1 is not SOCKETSxCORESxTHREADS', { topology: '1x1x1x1' }],
  ['--share /nowhere: /nowhere is not a directory', { shares: ['/nowhere'] }],
  ['--disk 1K: 1K is less than 1M', { disks: ['16M', '1K'] }],
  ['--publish 1:2 needs --net user', { publish: ['1:2'] }],
  ['--net usr is none of', { net: 'usr' }],
])('%s: refused before anything is started', (why, machine) => {
  expect(() => specFrom(machine)).toThrow(why)
})
