import type { Bus } from '../machine/arch.ts'
import type { VmSockets } from '../machine/boot-spec.ts'
import { escaped } from './option.ts'

/** The ways to talk with a VM and its guest: console, monitors, agent. */
export function channelArgs({ console, qmp, tools, agent }: VmSockets, bus: Bus): string[] {
  return [
    ['-chardev', `socket,id=console,path=${escaped(console)}`],
    ['-serial', 'chardev:console'],
    ['-chardev', `socket,id=qmp,path=${escaped(qmp)}`],
    ['-mon', 'chardev=qmp,mode=control'],
    ['-chardev', `socket,id=tools,path=${escaped(tools)},server=on,wait=off`],
    ['-mon', 'chardev=tools,mode=control'],
    ['-device', `virtio-serial-${bus}`],
    ['-chardev', `socket,id=agent,path=${escaped(agent)}`],
    // The guest finds the port by this name (guest/channel.c); by its id QEMU tells when the guest opens it (running/reset-watch.ts).
    ['-device', 'virtserialport,id=agent,chardev=agent,name=klab.agent'],
  ].flat()
}
