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

/** The networks that are asked for, a card in each; the ports go with the one to this machine. Throws UsageError for what is none, or does not go together. Pure. */
export function parseNet(
  net: string | readonly string[],
  publish: readonly string[],
): NetRequest[] {
  const texts = typeof net === 'string' ? [net] : net
  if (publish.length > 0 && !texts.includes('user'))
    throw new UsageError(
      `--publish ${publish[0]} needs --net user, and the network is ${texts.join(', ')}`,
    )
  const ports = publish.map(parsePublished)
  const cards = texts.filter((text) => text !== 'none').map((text) => parseCard(text, ports))
  if (cards.length < texts.length && cards.length > 0)
    throw new UsageError(
      `--net none does not go with ${texts.filter((text) => text !== 'none').join(', ')}`,
    )
  for (const kind of ['user', 'bridge'])
    if (cards.filter((card) => card.kind === kind).length > 1)
      throw new UsageError(
        `--net ${texts.join(', ')}: there can be one ${kind} network; several are of the kind lab:NAME`,
      )
  return cards
}

function parseCard(net: string, publish: readonly Published[]): NetRequest {
  if (net === 'user') return { kind: 'user', restrict: false, publish }
  if (net === 'restrict') return { kind: 'user', restrict: true, publish: [] }
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
