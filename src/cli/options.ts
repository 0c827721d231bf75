import { InvalidArgumentError, type Command } from 'commander'

import { parseDurationMs, UsageError } from '../base/index.ts'
import type { KernelChoice, MachineInput } from '../lab/index.ts'

/** One of several words. Throws UsageError. */
export function oneOf<T extends string>(flag: string, word: string, words: readonly T[]): T {
  const found = words.find((one) => one === word)
  if (found !== undefined) return found
  throw new UsageError(`${flag} ${word} is not ${words.slice(0, -1).join(', ')} or ${words.at(-1)}`)
}

/** The options that say which kernel; run and build share them. */
export function addKernelOptions(command: Command): Command {
  return command
    .optionsGroup('Kernel:')
    .option('--tree <dir>', 'kernel tree (default: the one around this directory)')
    .option('--profile <profile>', 'kernel profile: minimal, debug, vm, or one of your own')
    .option('--config <CONFIG_X=y>', 'kernel option, may be repeated', collect, [])
    .option('--config-file <file>', 'file with kernel options, may be repeated', collect, [])
    .option(
      '--config-base <file|running|defconfig|tree>',
      "a whole configuration to begin with: a file, the running kernel's, the tree's default, its .config",
    )
}

export interface KernelFlags {
  readonly tree?: string
  readonly kernel?: string
  readonly profile?: string
  readonly config: readonly string[]
  readonly configFile: readonly string[]
  readonly configBase?: string
}

export function kernelChoice({
  tree,
  kernel,
  profile,
  config,
  configFile,
  configBase,
}: KernelFlags): KernelChoice {
  return {
    ...(tree !== undefined && { tree }),
    ...(kernel !== undefined && { kernel }),
    ...(profile !== undefined && { profile }),
    options: config,
    configFiles: configFile,
    ...(configBase !== undefined && { configBase }),
  }
}

export function addMachineOptions(command: Command): Command {
  command
    .optionsGroup('Machine:')
    .option('--machine <machine>', 'a named machine of the configuration')
    .option('--cpus <n>', 'virtual CPUs', integer)
    .option('--memory <size>', 'memory, such as 1G')
    .option('--accel <auto|kvm|tcg>', 'kvm, tcg (emulation), or whichever works')
    .option('--type <auto|microvm|q35>', 'machine type')
    .option(
      '--root <host|none>',
      "what the guest's / is: a copy-on-write view of this machine, or nothing",
    )
    .option(
      '--share <[ro|rw|cow[,cached]:]host[:guest]>',
      'host directory in the guest, may be repeated',
      collect,
      [],
    )
    .option(
      '--share-fallback <none|copy>',
      'copy: where a kernel can mount no share, copy it in, and rw ones back',
    )
    .option(
      '--transport <auto|9p|virtiofs>',
      'how host directories reach the guest (default: auto)',
    )
  return addLimitOptions(addDeviceOptions(command))
}

function addDeviceOptions(command: Command): Command {
  return command
    .option(
      '--net <none|user|restrict|bridge=name|lab:name>',
      'network, may be repeated for a card in each (default: none)',
      collectMore,
    )
    .option(
      '--publish <[address:]port:guestport[/udp]>',
      'with --net user: a port of the guest on this machine, may be repeated; port 0 for a free one',
      collect,
      [],
    )
    .option('--display <none|gtk|sdl|vnc|vnc-port|spice>', 'a screen for the guest (default: none)')
    .option('--append <parameter>', 'kernel parameter, may be repeated', collect, [])
    .option(
      '--disk <size|file[:rw|ro|cow][:nvme|scsi|pmem|zoned][:slow=n][:serial=name]>',
      'disk: an empty one of that size, or a copy-on-write view of a file, may be repeated',
      collect,
      [],
    )
    .option('--topology <SxCxT>', 'how the CPUs lie: sockets x cores x threads')
    .option('--nodes <n>', 'nodes of memory (NUMA)', integer)
    .option(
      '--pin <cpu>',
      'CPU of this machine for the next virtual CPU, may be repeated',
      collectNumber,
    )
    .option('--reboot', 'the guest may reset the machine or start another kernel (kexec)')
    .option(
      '--qemu-arg <argument>',
      'further argument for QEMU, unsupported, may be repeated',
      collect,
      [],
    )
}

function addLimitOptions(command: Command): Command {
  return command
    .optionsGroup('Limits:')
    .option('--boot-timeout <time>', 'limit for the boot, such as 30s')
    .option('--timeout <time>', 'limit for the command')
    .option('--idle-timeout <time>', 'limit for silence of command and console')
}

export interface MachineFlags {
  readonly machine?: string
  readonly cpus?: number
  readonly memory?: string
  readonly accel?: string
  readonly type?: string
  readonly root?: string
  readonly share: readonly string[]
  readonly shareFallback?: string
  readonly transport?: string
  readonly net?: readonly string[]
  readonly disk: readonly string[]
  readonly topology?: string
  readonly nodes?: number
  readonly pin?: readonly number[]
  readonly reboot?: boolean
  readonly qemuArg: readonly string[]
  readonly display?: string
  readonly publish: readonly string[]
  readonly append: readonly string[]
  readonly bootTimeout?: string
  readonly timeout?: string
  readonly idleTimeout?: string
}

/** The flags that are a setting of the machine under the same name. */
const SCALARS = [
  ...([
    'cpus',
    'memory',
    'accel',
    'type',
    'root',
    'shareFallback',
    'transport',
    'net',
    'display',
  ] as const),
  ...(['topology', 'nodes', 'pin', 'reboot'] as const),
  ...(['bootTimeout', 'timeout', 'idleTimeout'] as const),
]

/** The machine settings among the flags, as the configuration would have them. */
export function machineInput(flags: MachineFlags): MachineInput {
  const given = SCALARS.filter((name) => flags[name] !== undefined).map((name) => [
    name,
    flags[name],
  ])
  // Checked by the schema in machineFor.
  return {
    ...Object.fromEntries(given),
    shares: [...flags.share],
    publish: [...flags.publish],
    disks: [...flags.disk],
    qemuArgs: [...flags.qemuArg],
    parameters: [...flags.append],
  }
}

export function collect(value: string, previous: readonly string[]): string[] {
  return [...previous, value]
}

/** As collect, where nothing is said of what is there without. */
function collectMore(value: string, previous: readonly string[] = []): string[] {
  return [...previous, value]
}

function collectNumber(value: string, previous: readonly number[] = []): number[] {
  return [...previous, integer(value)]
}

export function integer(value: string): number {
  if (/^\d+$/.test(value)) return Number(value)
  throw new InvalidArgumentError(`${JSON.stringify(value)} is not a whole number.`)
}

/** A flag's time, in ms. Throws UsageError. */
export function durationOf(flag: string, text: string): number {
  const ms = parseDurationMs(text)
  if (ms !== undefined) return ms
  throw new UsageError(`${flag} ${text} is not a duration such as 100ms, 90s or 5m`)
}

/** As durationOf; null, which is no limit, for a flag that is not given. */
export function limitOf(flag: string, text: string | undefined): number | null {
  return text === undefined ? null : durationOf(flag, text)
}

/** What follows a name: commander leaves the dashes in that end the options. */
export function afterDashes(words: readonly string[]): readonly string[] {
  return words[0] === '--' ? words.slice(1) : words
}
