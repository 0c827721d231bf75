import { shellWord } from '../../base/index.ts'
import type { Disk, Topology } from '../../vm/index.ts'
import type { KeptInput } from '../history/run-input.ts'
import type { KernelChoice } from '../spec/kernel-choice.ts'
import type { NetRequest } from '../spec/net-request.ts'
import type { Judge, RunRequest } from '../spec/run-request.ts'
import type { Share } from '../spec/shares.ts'
import type { MachineSpec, VmSpec } from '../spec/vm-spec.ts'

/** What a configuration that says nothing gives (config/schema.ts), in its own words. */
const USUAL = {
  ...{ cpus: '2', memory: '1024M', nodes: '1', bootTimeout: '30s', grace: '0.025s' },
  ...{ accel: 'auto', type: 'auto', root: 'host', display: 'none' },
  ...{ shareFallback: 'none', transport: 'auto', onCrash: 'stop' },
} as const

/**
 * The command that asks for such a run, its words quoted for a shell. What is as always is left out: where a configuration says otherwise, it
 * counts. `input`: what was kept of what the command read. Pure.
 */
export function commandLineOf({ vm, command, judge }: RunRequest, input?: KeptInput): string {
  const words = [
    ...['klab', 'run'],
    ...kernelWords(vm.kernel),
    ...machineWords(vm.machine),
    ...surroundingWords(vm),
    ...judgeWords(judge),
    ...one('--user', command.user),
    ...one('--cwd', command.cwd),
    ...each('--env', command.env),
    // Otherwise it depends on where the line is typed.
    command.tty ? '--tty' : '--no-tty',
    ...(input === 'none' ? ['--no-stdin'] : []),
    ...(command.argv.length > 0 ? ['--', ...command.argv] : []),
  ]
  return words.map(shellWord).join(' ')
}

function kernelWords(choice: KernelChoice): string[] {
  return [
    ...one('--kernel', choice.kernel),
    ...one('--tree', choice.tree),
    ...one('--profile', choice.profile),
    ...each('--config', choice.options),
    ...each('--config-file', choice.configFiles),
    ...one('--config-base', choice.configBase),
  ]
}

function machineWords(machine: MachineSpec): string[] {
  return [
    ...one('--cpus', String(machine.cpus), USUAL.cpus),
    ...one('--memory', `${machine.memoryMiB}M`, USUAL.memory),
    ...one('--accel', machine.accel, USUAL.accel),
    ...one('--type', machine.type, USUAL.type),
    ...one('--display', machine.display, USUAL.display),
    ...each('--append', machine.parameters),
    ...each('--disk', machine.disks.map(diskText)),
    ...one('--topology', machine.topology && topologyText(machine.topology)),
    ...one('--nodes', String(machine.nodes), USUAL.nodes),
    ...each('--pin', machine.pinned.map(String)),
    ...(machine.reboots ? ['--reboot'] : []),
    ...each('--qemu-arg', machine.qemuArgs),
  ]
}

/** What is around the machine, and how it comes to run. */
function surroundingWords(vm: VmSpec): string[] {
  return [
    ...one('--root', vm.root.kind, USUAL.root),
    ...each('--share', vm.shares.map(shareText)),
    ...one('--share-fallback', vm.shareFallback, USUAL.shareFallback),
    ...one('--transport', vm.transport, USUAL.transport),
    ...vm.networks.flatMap(netWords),
    ...one('--boot-timeout', durationText(vm.bootTimeoutMs), USUAL.bootTimeout),
    ...(vm.start === 'boot' ? ['--fresh'] : []),
  ]
}

function judgeWords({ limits, onCrash, allowReports, graceMs }: Judge): string[] {
  return [
    ...one('--timeout', durationText(limits.timeoutMs)),
    ...one('--idle-timeout', durationText(limits.idleTimeoutMs)),
    ...one('--on-crash', onCrash, USUAL.onCrash),
    ...each(
      '--allow-report',
      allowReports.flatMap(({ report }) => report ?? []),
    ),
    ...one('--grace', durationText(graceMs), USUAL.grace),
  ]
}

function one(flag: string, value: string | undefined, usual?: string): string[] {
  return value === undefined || value === usual ? [] : [flag, value]
}

function each(flag: string, values: readonly string[]): string[] {
  return values.flatMap((value) => [flag, value])
}

function durationText(ms: number | null): string | undefined {
  return ms === null ? undefined : `${ms / 1000}s`
}

function topologyText({ sockets, cores, threads }: Topology): string {
  return [sockets, cores, threads].join('x')
}

function shareText({ mode, host, guest, cached }: Share): string {
  const flags = cached && mode !== 'cow' ? `${mode},cached` : mode
  return `${flags}:${host}${guest === host ? '' : `:${guest}`}`
}

function diskText({ source, interface: kind, iops, serial }: Disk): string {
  const what = source.kind === 'scratch' ? String(source.bytes) : `${source.path}:${source.access}`
  return `${what}:${kind}${iops === undefined ? '' : `:slow=${iops}`}:serial=${serial}`
}

function netWords(net: NetRequest): string[] {
  switch (net.kind) {
    case 'user': {
      const published = net.publish.map(
        ({ address, hostPort, guestPort, protocol }) =>
          `${address}:${hostPort}:${guestPort}${protocol === 'udp' ? '/udp' : ''}`,
      )
      return ['--net', net.restrict ? 'restrict' : 'user', ...each('--publish', published)]
    }
    case 'bridge':
      return ['--net', `bridge=${net.bridge}`]
    case 'lab':
      return ['--net', `lab:${net.segment}`]
  }
}
