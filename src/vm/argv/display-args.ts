import { archFacts } from '../machine/arch.ts'
import type { BootSpec, Display } from '../machine/boot-spec.ts'
import { escaped } from './option.ts'

/** VNC counts displays, of which the first is at this port. */
const VNC_BASE = 5900

/** A screen and who shows it, or none. */
export function displayArgs({ display, machine }: BootSpec): string[] {
  if (!display) return ['-display', 'none']
  return ['-device', archFacts(machine.arch).screen, ...shownBy(display)]
}

function shownBy(display: Display): string[] {
  switch (display.kind) {
    case 'gtk':
    case 'sdl':
      return ['-display', display.kind]
    case 'vnc-port':
      return ['-vnc', `127.0.0.1:${display.port - VNC_BASE}`]
    case 'vnc':
      return ['-vnc', `unix:${escaped(display.socket)}`]
    case 'spice':
      return ['-spice', `unix=on,addr=${escaped(display.socket)},disable-ticketing=on`]
  }
}
