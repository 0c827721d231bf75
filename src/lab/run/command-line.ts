import { shellWord } from '../../base/index.ts'
import type { Disk } from '../../vm/index.ts'
import type { NetRequest } from '../spec/net-request.ts'
import type { RunRequest } from '../spec/run-request.ts'
import type { Share } from '../spec/shares.ts'

/** The command that asks for such a run, its words quoted for a shell. What is as always is left out. Pure. */
export function commandLineOf({ vm, command, judge }: RunRequest): string {
  const { machine } = vm
  const words = [
    ...['klab', 'run'],
    ...one('--kernel', vm.kernel.kernel),
    ...one('--cpus', String(machine.cpus), '2'),
    ...one('--memory', `${machine.memoryMiB}M`, '1024M'),
    ...one('--type', machine.type, 'auto'),
    ...one('--root', vm.root.kind, 'host'),
    ...each('--share', vm.shares.map(shareText)),
    ...vm.networks.flatMap(netWords),
    ...each('--append', machine.parameters),
    ...each('--disk', machine.disks.map(diskText)),
    ...one('--topology', machine.topology && Object.values(machine.topology).join('x')),
    ...one('--nodes', String(machine.nodes), '1'),
    ...each('--pin', machine.pinned.map(String)),
    ...(machine.reboots ? ['--reboot'] : []),
    ...each('--qemu-arg', machine.qemuArgs),
    ...one('--timeout', durationText(judge.limits.timeoutMs)),
    ...one('--idle-timeout', durationText(judge.limits.idleTimeoutMs)),
    ...one('--user', command.user),
    ...one('--cwd', command.cwd),
    ...each('--env', command.env),
    ...each(
      '--allow-report',
      judge.allowReports.flatMap(({ report }) => report ?? []),
    ),
    ...(vm.start === 'boot' ? ['--fresh'] : []),
    ...(command.argv.length > 0 ? ['--', ...command.argv] : []),
  ]
  return words.map(shellWord).join(' ')
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
