import { UsageError } from '../../base/index.ts'

/** A network that a VM is asked to have a card in. */
export type NetRequest =
  /** Out through this machine as any program of ours would; `restrict` cuts that off. */
  | { readonly kind: 'user'; readonly restrict: boolean; readonly publish: readonly Published[] }
  | { readonly kind: 'bridge'; readonly bridge: string }
  /** A private segment of the VMs that name it. */
  | { readonly kind: 'lab'; readonly segment: string }

/** A port of the guest that is reached at an address of this machine; host port 0 is any that is free. */
export interface Published {
  readonly address: string
  readonly hostPort: number
  readonly guestPort: number
  readonly protocol: 'tcp' | 'udp'
}

const INTERFACE = /^[A-Za-z0-9_.-]{1,15}$/
const SEGMENT = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$/

/** Throws UsageError for what is none, or does not go together. Pure. */
export function parseNet(net: string, publish: readonly string[]): NetRequest[] {
  if (publish.length > 0 && net !== 'user')
    throw new UsageError(`--publish ${publish[0]} needs --net user, and the network is ${net}`)
  return net === 'none' ? [] : [parseCard(net, publish)]
}

function parseCard(net: string, publish: readonly string[]): NetRequest {
  if (net === 'user' || net === 'restrict')
    return { kind: 'user', restrict: net === 'restrict', publish: publish.map(parsePublished) }
  const [, bridge] = /^bridge=(.*)$/.exec(net) ?? []
  if (bridge !== undefined && INTERFACE.test(bridge)) return { kind: 'bridge', bridge }
  const [, segment] = /^lab:(.*)$/.exec(net) ?? []
  if (segment !== undefined && SEGMENT.test(segment)) return { kind: 'lab', segment }
  throw new UsageError(
    `--net ${net} is none of: none, user, restrict, bridge=NAME, lab:NAME (letters, digits, dots, dashes)`,
  )
}

/** `[ADDRESS:]PORT:GUESTPORT[/udp]`. */
function parsePublished(text: string): Published {
  const match = /^(?:(\d+\.\d+\.\d+\.\d+):)?(\d+):(\d+)(?:\/(tcp|udp))?$/.exec(text)
  const [, address = '127.0.0.1', host = '', guest = '', protocol = 'tcp'] = match ?? []
  const [hostPort, guestPort] = [Number(host), Number(guest)]
  const isAddress = address.split('.').every((part) => Number(part) <= 255)
  if (!match || !isAddress || hostPort > 65_535 || guestPort > 65_535 || guestPort === 0)
    throw new UsageError(`--publish ${text} is not [ADDRESS:]PORT:GUESTPORT[/udp], such as 8080:80`)
  return { address, hostPort, guestPort, protocol: protocol as 'tcp' | 'udp' }
}
