import { join } from 'node:path'

import { InfraError } from '../../base/index.ts'
import type { Display } from '../../vm/index.ts'
import type { Lab } from '../session/context.ts'
import type { BootRequest } from './boot-request.ts'
import { claimPorts } from '../net/ports.ts'

/** What a graphical session is known by. */
const SESSION = ['DISPLAY', 'WAYLAND_DISPLAY', 'XAUTHORITY', 'XDG_RUNTIME_DIR', 'HOME']
/** VNC's displays 0 to 99. */
const VNC_PORTS = { first: 5900, count: 100 }

/** The screen that is asked for. Throws InfraError when this QEMU, or this session, cannot show it. */
export async function displayFor(
  lab: Lab,
  { vm, id }: BootRequest,
  { displays, resources }: { displays: readonly string[]; resources: AsyncDisposableStack },
): Promise<Display | undefined> {
  const { display: kind } = vm.machine
  switch (kind) {
    case 'none':
      return undefined
    case 'vnc':
    case 'spice':
      return { kind, socket: join(lab.paths.runtime, id, kind) }
    case 'vnc-port':
      return { kind, port: await freeVncPort(lab, resources) }
    case 'gtk':
    case 'sdl':
  }
  if (!displays.includes(kind))
    throw new InfraError(
      'DISPLAY',
      `this QEMU has no ${kind} display; install it (Debian: qemu-system-gui), or use --display vnc`,
    )
  const session = SESSION.flatMap((name) => {
    const value = lab.env[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  if (!lab.env['DISPLAY'] && !lab.env['WAYLAND_DISPLAY'])
    throw new InfraError(
      'DISPLAY',
      `--display ${kind} needs a graphical session, and neither DISPLAY nor WAYLAND_DISPLAY is set; use --display vnc`,
    )
  return { kind, session: Object.fromEntries(session) }
}

async function freeVncPort(lab: Lab, resources: AsyncDisposableStack): Promise<number> {
  for (let number = 0; number < VNC_PORTS.count; number++) {
    const hostPort = VNC_PORTS.first + number
    const port = { address: '127.0.0.1', hostPort, guestPort: 0, protocol: 'tcp' } as const
    try {
      await claimPorts(lab.paths, [port], resources)
      return hostPort
    } catch {
      // Somebody else's.
    }
  }
  throw new InfraError('DISPLAY', 'the ports 5900 to 5999 are all in use; use --display vnc')
}

/** Where to look at it, for people; undefined where it shows itself. */
export function displayAddress(display: Display): string | undefined {
  switch (display.kind) {
    case 'gtk':
    case 'sdl':
      return undefined
    case 'vnc-port':
      return `vnc://127.0.0.1:${display.port}`
    case 'vnc':
    case 'spice':
      return `${display.kind}+unix://${display.socket}`
  }
}
