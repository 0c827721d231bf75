import { Command } from 'commander'
import * as fc from 'fast-check'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'

import { addRunCommand, runRequest, type RunFlags } from '../../cli/commands/run.ts'
import { runOk } from '../../host/index.ts'
import { configSchema } from '../config/schema.ts'
import { RUN_POLICIES } from '../outcome/crash-policy.ts'
import type { RunRequest } from '../spec/run-request.ts'
import type { MachineSpec, VmSpec } from '../spec/vm-spec.ts'
import { commandLineOf } from './command-line.ts'

const cwd = realpathSync(mkdtempSync(join(tmpdir(), 'klab-line-')))
afterAll(() => rmSync(cwd, { recursive: true }))
const directory = join(cwd, "it's a $HOME")
const image = join(cwd, 'disk image')
mkdirSync(directory)
writeFileSync(image, Buffer.alloc(4096))

/** What people write, and what a shell or commander might take for its own. */
const word = fc.oneof(
  fc.constantFrom('-v', '--', '--tty', '', ' ', "'", '"$(x)"', 'a\nb', '*', '~', 'ä', '\\', '-'),
  fc.string({ unit: 'binary' }).filter((text) => !text.includes('\0') && text.isWellFormed()),
)
const words = fc.array(word, { maxLength: 3 })
const seconds = fc.integer({ min: 1, max: 10_000_000 })
const limit = fc.option(seconds)
const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,10}$/)
const number = (min: number, max: number) => fc.integer({ min, max })
/** Fields of which each may be left out. */
const maybe = <T extends object>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record(fields, { requiredKeys: [] })

const kernel = fc
  .tuple(
    fc.record({ options: words, configFiles: words }),
    maybe({ kernel: word, tree: word, profile: word, configBase: word }),
  )
  .map(([one, more]): VmSpec['kernel'] => ({ ...one, ...more }))

const source = fc.oneof(
  number(2 ** 20, 2 ** 40).map((bytes) => ({ kind: 'scratch' as const, bytes })),
  fc.constantFrom('ro', 'rw', 'cow').map((access) => ({
    ...{ kind: 'file' as const, path: image, format: 'raw' as const, bytes: 4096, access },
  })),
)
const disk = fc
  .tuple(
    fc.record({
      source,
      interface: fc.constantFrom('virtio', 'scsi', 'nvme', 'zoned', 'pmem'),
      serial: name,
    }),
    maybe({ iops: number(1, 9_999_999) }),
  )
  .map(([one, iops]) => ({ ...one, ...iops }))

const topology = fc.record({
  ...{ sockets: number(1, 999), cores: number(1, 999), threads: number(1, 999) },
})
const machine = fc
  .tuple(
    fc.record({
      arch: fc.constant('x86_64' as const),
      cpus: number(1, 255),
      memoryMiB: number(64, 2 ** 22),
      accel: fc.constantFrom('auto', 'kvm', 'tcg'),
      type: fc.constantFrom('auto', 'microvm', 'q35'),
      display: fc.constantFrom('none', 'gtk', 'sdl', 'vnc', 'vnc-port', 'spice'),
      ...{ parameters: words, qemuArgs: words, reboots: fc.boolean(), nodes: number(1, 128) },
      pinned: fc.array(number(0, 500), { maxLength: 3 }),
      disks: fc.array(disk, { maxLength: 3 }),
    }),
    maybe({ topology }),
  )
  .map(([one, more]): MachineSpec => ({ ...one, ...more }))

const share = fc
  .record({
    mode: fc.constantFrom('ro', 'rw', 'cow'),
    guest: fc.constantFrom(directory, '/mnt', "/a b/it's"),
    cached: fc.boolean(),
  })
  .map(({ mode, guest, cached }) => ({
    ...{ mode, host: directory, guest, cached: cached || mode === 'cow' },
  }))

const published = fc.record({
  address: fc.constantFrom('127.0.0.1', '0.0.0.0', '10.1.2.3'),
  ...{ hostPort: number(0, 65_535), guestPort: number(1, 65_535) },
  protocol: fc.constantFrom('tcp', 'udp'),
})
const user = fc.oneof(
  fc.array(published, { maxLength: 3 }).map((publish) => ({
    ...{ kind: 'user' as const, restrict: false, publish },
  })),
  fc.constant({ kind: 'user' as const, restrict: true, publish: [] }),
)
const bridge = name.map((text) => ({ kind: 'bridge' as const, bridge: text }))
const segments = fc.array(
  name.map((segment) => ({ kind: 'lab' as const, segment })),
  { maxLength: 2 },
)
const few = <T>(one: fc.Arbitrary<T>) => fc.array(one, { maxLength: 1 })
const networks = fc
  .tuple(segments, few(user), few(bridge), segments)
  .map((all): VmSpec['networks'] => all.flat())

const requests: fc.Arbitrary<RunRequest> = fc.record({
  vm: fc.record({
    ...{ kernel, machine, networks, bootTimeoutMs: seconds },
    root: fc.constantFrom({ kind: 'host' as const }, { kind: 'none' as const }),
    shares: fc.array(share, { maxLength: 3 }),
    shareFallback: fc.constantFrom('none', 'copy'),
    transport: fc.constantFrom('auto', '9p', 'virtiofs'),
    start: fc.constantFrom('clone', 'boot'),
  }),
  command: fc
    .tuple(
      fc.record({ argv: words, user: word, env: words }),
      maybe({ cwd: word, tty: fc.constant({ rows: 24, cols: 80 }) }),
    )
    .map(([one, more]): RunRequest['command'] => ({ ...one, ...more })),
  judge: fc.record({
    allowReports: fc.array(
      fc
        .constantFrom('^WARNING', "it's|not", '--grace')
        .map((report) => ({ report, reason: 'asked for on the command line' })),
    ),
    ...{ onCrash: fc.constantFrom(...RUN_POLICIES), graceMs: fc.integer({ min: 0, max: 9_999 }) },
    limits: fc.record({ timeoutMs: limit, idleTimeoutMs: limit }),
  }),
})

test('the command line of a run, typed into a shell, asks for the same run', async () => {
  await fc.assert(
    fc.asyncProperty(requests, async (request) => {
      expect((await typed(commandLineOf(request))).request).toEqual(request)
    }),
    { numRuns: 200 },
  )
}, 60_000)

test('a run that read nothing is given nothing to read; else what is there', async () => {
  const [request] = fc.sample(requests, { numRuns: 1, seed: 1 })
  if (!request) throw new Error('no sample')
  expect((await typed(commandLineOf(request, 'none'))).flags.stdin).toBe(false)
  expect((await typed(commandLineOf(request, 'all'))).flags.stdin).toBe(true)
})

test('what is as always is left out', async () => {
  const { request } = await typed('klab run --kernel k --user root --no-tty -- true')
  expect(commandLineOf(request)).toBe('klab run --kernel k --user root --no-tty -- true')
})

/** What klab makes of a line, without a configuration. */
async function typed(line: string): Promise<{ request: RunRequest; flags: RunFlags }> {
  const printed = await runOk('bash', ['-c', `set -- ${line}; printf '%s\\0' "$@"`], { cwd })
  const [klab, ...args] = printed.split('\0').slice(0, -1)
  expect(klab).toBe('klab')
  const program = new Command('klab').enablePositionalOptions().exitOverride()
  addRunCommand(program, () => undefined)
  const heard = Promise.withResolvers<[string[], RunFlags]>()
  program.commands[0]?.exitOverride().action((...[argv, flags]: [string[], RunFlags]) => {
    heard.resolve([argv, flags])
  })
  await program.parseAsync(args, { from: 'user' })
  const [argv, flags] = await heard.promise
  const lab = { config: configSchema.parse({}), cwd }
  const tty = flags.tty ? { tty: { rows: 24, cols: 80 } } : {}
  return { request: await runRequest(lab, flags, { argv, ...tty }), flags }
}
