import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'

import { PROFILE_NAMES } from '../../kernel/index.ts'
import { configLeaves } from './leaves.ts'
import { asksOf, KLAB_PROFILES, trustOf } from './trust-rules.ts'

/** As layers.ts has it: leaf by leaf. */
function asks(yaml: string): string[] {
  const value = parse(yaml) as Record<string, unknown>
  const values = configLeaves().flatMap(({ path }): [string, unknown][] => {
    const found = path
      .split('.')
      .reduce<unknown>(
        (inner, name) => (inner as Record<string, unknown> | undefined)?.[name],
        value,
      )
    return found === undefined ? [] : [[path, found]]
  })
  return asksOf(new Map(values)).map(({ path }) => path)
}

describe('free for all', () => {
  test.each([
    'profile: debug',
    'machine: { cpus: 4, memory: 2G, type: q35, parameters: [quiet], timeout: 5m, net: none }',
    'machine: { net: [restrict], disks: ["1G:nvme", 20M], shares: [], publish: [] }',
    'machines: { small: { cpus: 1 }, big: { memory: 4G, reboot: true } }',
    'build: { options: [CONFIG_KASAN=y, CONFIG_HZ=100, CONFIG_X=0xff], configBase: defconfig, jobs: 2 }',
    'profiles: { a: { base: debug, fragments: [CONFIG_X=y], parameters: [p] }, b: { base: a } }',
    'run: { grace: 1s, onCrash: dump, env: [CI=1, "EMPTY="], hide: [], allowReports: [] }',
  ])('%s', (yaml) => expect(asks(yaml)).toEqual([]))
})

describe('asked for', () => {
  test.each([
    ['qemu: ./evil', ['qemu']],
    ['virtiofsd: ./evil', ['virtiofsd']],
    ['build: { crossCompile: /tmp/evil- }', ['build.crossCompile']],
    ['machine: { shares: [ro:/] }', ['machine.shares']],
    ['machine: { disks: [1G, ./image] }', ['machine.disks']],
    ['machine: { net: user }', ['machine.net']],
    ['machine: { net: [none, bridge=br0] }', ['machine.net']],
    ['machine: { net: "lab:x" }', ['machine.net']],
    ['machine: { publish: ["0:22"] }', ['machine.publish']],
    ['machine: { display: vnc-port }', ['machine.display']],
    ['machine: { qemuArgs: [-monitor, stdio] }', ['machine.qemuArgs']],
    ['machines: { a: { cpus: 1 }, b: { shares: [/x] } }', ['machines.b.shares']],
    ['build: { options: [CONFIG_INITRAMFS_SOURCE="/root/.ssh"] }', ['build.options']],
    ['build: { configBase: ../secret }', ['build.configBase']],
    ['profiles: { a: { base: /etc/shadow } }', ['profiles.a.base']],
    ['profiles: { a: { fragments: [CONFIG_X=y, ../x] } }', ['profiles.a.fragments']],
    ['run: { env: [CI=1, TOKEN] }', ['run.env']],
    ['limits: { runs: 1 }', ['limits.runs']],
  ])('%s', (yaml, paths) => expect(asks(yaml)).toEqual(paths))

  test('whatever the schema gets some day', () => {
    expect(asksOf(new Map([['run.something', 1]]))).toHaveLength(1)
  })
})

test('each setting has its rule, and the profiles are those of klab', () => {
  expect(KLAB_PROFILES).toEqual(PROFILE_NAMES)
  const shown = configLeaves().map(({ path }) => `${path}: ${trustOf(path)}`)
  expect(shown.filter((line) => line.endsWith('needs trust'))).toEqual([
    'machine.shares: needs trust',
    'machine.publish: needs trust',
    'machine.display: needs trust',
    'machine.qemuArgs: needs trust',
    'build.crossCompile: needs trust',
    'qemu: needs trust',
    'virtiofsd: needs trust',
    'limits.kernels: needs trust',
    'limits.templates: needs trust',
    'limits.runs: needs trust',
    'limits.runsSize: needs trust',
  ])
})
