import type { Bus } from '../machine/arch.ts'
import type { NetCard } from '../machine/machine.ts'

/** A network card and what is behind it. */
export function netArgs({ backend, mac }: NetCard, bus: Bus): string[] {
  // The card's ROM is for booting from the network.
  const rom = bus === 'pci' ? ',romfile=' : ''
  return ['-netdev', backend, '-device', `virtio-net-${bus},netdev=net,mac=${mac}${rom}`]
}
