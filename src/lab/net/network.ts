import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'

import type { Agent, GuestNet } from '../../guest/index.ts'
import type { NetCard } from '../../vm/index.ts'
import type { Lab } from '../session/context.ts'
import type { OnEvent } from '../outcome/events.ts'
import { findBridge, type BridgeTap } from './bridge.ts'
import type { NetRequest } from '../spec/net-request.ts'
import type { HostName } from './host-name.ts'
import { claimPorts } from './ports.ts'
import { joinSegment } from './segment.ts'

/** A network that is ready for a VM; what it holds on this machine goes with the stack. */
export interface Network {
  readonly card: NetCard
  /** What the guest is told of it; absent where the guest has to find out by itself. */
  readonly guest?: GuestNet
  readonly nameServer?: string
  /** The names that the guest has to know beside its own, now and whenever they change. */
  readonly onNames?: (listener: (hosts: readonly HostName[]) => void) => void
  /** For the launcher: a tap device of a bridge. */
  readonly tap?: BridgeTap
}

/** The cards of a template: nothing behind them. Each clone brings its own. */
export function templateCards(networks: readonly NetRequest[]): NetCard[] {
  return networks.map((_, index) => ({
    backend: `hubport,hubid=${index}`,
    mac: templateMac(index),
  }))
}

function templateMac(index: number): string {
  return `52:54:00:00:00:${(index + 1).toString(16).padStart(2, '0')}`
}

/** Addresses of QEMU's user network (net/slirp.c). */
const USER_NET = { address: '10.0.2.15', prefix: 24, gateway: '10.0.2.2' }
const USER_NAME_SERVER = '10.0.2.3'

/** Prepares a network. Throws InfraError for what this machine does not have. */
export async function prepareNetwork(
  lab: Lab,
  request: NetRequest,
  parts: { name: string; resources: AsyncDisposableStack; onEvent: OnEvent },
): Promise<Network> {
  const mac = randomMac()
  switch (request.kind) {
    case 'user': {
      const { restrict, publish } = request
      const ports = await claimPorts(lab.paths, publish, parts.resources)
      for (const { address, hostPort, guestPort, protocol } of ports)
        parts.onEvent({ kind: 'published', address, hostPort, guestPort, protocol })
      const forwards = ports.map(
        ({ address, hostPort, guestPort, protocol }) =>
          `,hostfwd=${protocol}:${address}:${hostPort}-${USER_NET.address}:${guestPort}`,
      )
      const backend = `user,ipv6=off,restrict=${restrict ? 'on' : 'off'}${forwards.join('')}`
      return {
        card: { backend, mac },
        guest: { ...USER_NET, mac },
        ...(!restrict && { nameServer: USER_NAME_SERVER }),
      }
    }
    case 'bridge': {
      const tap = findBridge(request.bridge)
      return { card: { backend: `tap,fd=${tap.fd}`, mac }, tap }
    }
    case 'lab': {
      const { socket, address, prefix, onNames } = await joinSegment(lab, request.segment, parts)
      const backend = `stream,server=off,addr.type=unix,addr.path=${socket}`
      return { card: { backend, mac }, guest: { address, prefix, mac }, onNames }
    }
  }
}

/** Locally administered, not multicast; 52:54:00 is what QEMU's users know. */
function randomMac(): string {
  return ['52', '54', '00', ...(randomBytes(3).toString('hex').match(/../g) ?? [])].join(':')
}

/** What stands over the files of this machine in the guest: names, and who resolves others. */
export function networkFiles(networks: readonly Network[], hostname: string): Map<string, string> {
  if (networks.length === 0) return new Map()
  const nameServer = networks.find((network) => network.nameServer !== undefined)?.nameServer
  return new Map([
    ['etc/hosts', hostsFile([ownName(networks, hostname)])],
    ...(nameServer === undefined
      ? []
      : [['etc/resolv.conf', `nameserver ${nameServer}\n`] as const]),
  ])
}

/** Makes the guest's networks what was prepared. `hasFiles`: it has an /etc of its own. */
export async function enterNetworks(
  agent: Agent,
  networks: readonly Network[],
  parts: { readonly hostname: string; readonly hasFiles: boolean; readonly isClone: boolean },
): Promise<void> {
  const { hostname, hasFiles, isClone } = parts
  await Promise.all(
    networks.map(({ guest, card }, index) =>
      agent.configureNet({
        // Without an address there is one to be had from the bridge's network; the card has to be up for it.
        ...(guest ?? { address: '0.0.0.0', prefix: 0, mac: card.mac }),
        ...(isClone && { knownAs: templateMac(index) }),
      }),
    ),
  )
  if (!hasFiles) return
  const own = ownName(networks, hostname)
  const known = new Map<Network, readonly HostName[]>()
  for (const network of networks)
    network.onNames?.((hosts) => {
      known.set(network, hosts)
      const data = Buffer.from(hostsFile([own, ...[...known.values()].flat()]))
      // A guest that is ending does not need it any more.
      agent.put('/etc/hosts', data, { mode: 0o644, uid: 0, gid: 0 }).catch(() => undefined)
    })
}

function ownName(networks: readonly Network[], name: string): HostName {
  const address = networks.find(({ guest }) => guest !== undefined)?.guest?.address
  return { address: address ?? '127.0.1.1', name }
}

/** This machine's, and ours. */
function hostsFile(hosts: readonly HostName[]): string {
  const ours = hosts.map(({ address, name }) => `${address} ${name}\n`).join('')
  try {
    return `${readFileSync('/etc/hosts', 'utf8').replace(/\n?$/, '\n')}${ours}`
  } catch {
    return `127.0.0.1 localhost\n${ours}`
  }
}
