import type { VmSpec } from '../spec/vm-spec.ts'
import type { Deed } from './audit-log.ts'

/** What of a VM touches this machine, or lets others in. Pure. */
export function vmDeeds(
  { shares, machine, networks }: Pick<VmSpec, 'shares' | 'machine' | 'networks'>,
  subject: string,
): Deed[] {
  const deed = (what: Deed['what']) => (detail: string) => ({ what, subject, detail })
  const disks = machine.disks.flatMap(({ source }) =>
    source.kind === 'file' && source.access === 'rw' ? [source.path] : [],
  )
  const ports = networks.flatMap((net) => (net.kind === 'user' ? net.publish : []))
  return [
    ...shares
      .filter(({ mode }) => mode === 'rw')
      .map(({ host, guest }) => deed('share')(`rw ${host} at ${guest}`)),
    ...disks.map(deed('disk')),
    ...ports
      .map(
        ({ address, hostPort, guestPort, protocol }) =>
          `${address}:${hostPort === 0 ? 'any' : hostPort} to ${guestPort}/${protocol}`,
      )
      .map(deed('publish')),
    ...networks.flatMap((net) => (net.kind === 'bridge' ? [deed('bridge')(net.bridge)] : [])),
    ...(/^(?:vnc|spice)/.test(machine.display) ? [deed('display')(machine.display)] : []),
  ]
}
