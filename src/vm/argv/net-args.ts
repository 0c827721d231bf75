import type { Bus } from '../machine/arch.ts'
import type { NetCard } from '../machine/boot-spec.ts'

/** Network cards and what is behind each. */
export function netArgs(cards: readonly NetCard[], bus: Bus): string[] {
  // The card's ROM is for booting from the network.
  const rom = bus === 'pci' ? ',romfile=' : ''
  return cards.flatMap(({ backend, mac }, index) => [
    ...['-netdev', `${backend},id=net${index}`],
    ...['-device', `virtio-net-${bus},netdev=net${index},mac=${mac}${rom}`],
  ])
}
