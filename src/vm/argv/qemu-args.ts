import { BUS } from '../machine/devices.ts'
import { kernelParameters } from './kernel-parameters.ts'
import type {
  Accelerator,
  BootSpec,
  Display,
  Export,
  Machine,
  NetCard,
  VmSockets,
} from '../machine/machine.ts'

/** The QEMU command line for one boot. Pure: the same spec gives the same argv. */
export function qemuArgs(spec: BootSpec, sockets: VmSockets): string[] {
  const bus = BUS[spec.machine.type]
  return [
    ...machineArgs(spec.machine, spec.accelerator),
    ...memoryArgs(spec),
    ...consoleArgs(sockets),
    ...monitorArgs(sockets),
    ...agentArgs(sockets, bus),
    // A panic stops the machine with its memory intact, and klab lets it go on (running/vm.ts).
    ...(spec.pvpanic ? ['-device', 'pvpanic', '-action', 'panic=pause'] : []),
    ...(spec.vmcoreinfo ? ['-device', 'vmcoreinfo'] : []),
    ...displayArgs(spec.display),
    ...(spec.net ? netArgs(spec.net, bus) : []),
    ...spec.exports.flatMap((share, index) => exportArgs(share, index, bus)),
    ...['-kernel', spec.image],
    ...(spec.initrd === undefined ? [] : ['-initrd', spec.initrd]),
    ...['-append', kernelParameters(spec).join(' ')],
    ...(spec.incoming ? ['-incoming', 'defer'] : []),
    ...(spec.hold ? ['-S', '-gdb', `unix:${escaped(sockets.gdb)},server=on,wait=off`] : []),
  ]
}

// One row per option: the formatter cannot part an option from its value.
function machineArgs({ type, cpus, memoryMiB }: Machine, accelerator: Accelerator): string[] {
  return [
    ['-nodefaults', '-no-user-config'],
    ['-machine', type === 'microvm' ? 'microvm,rtc=on' : 'q35'],
    accelArgs(accelerator),
    ['-smp', String(cpus)],
    ['-m', `${memoryMiB}M`],
    // With panic=-1 a panic ends QEMU instead of hanging the run.
    ['-no-reboot'],
    // What QEMU is never asked to do, it may not do: its input is a hostile guest.
    ['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
  ].flat()
}

function accelArgs(accelerator: Accelerator): string[] {
  if (accelerator.kind === 'kvm') return ['-accel', 'kvm', '-cpu', 'host']
  // Emulated `rep movsb` goes byte by byte; without ERMS the kernel copies by words. And Linux brings up the further
  // CPUs of an Intel machine at once, those of an AMD one (which `max` says it is) after 90 ms each.
  const threads = accelerator.inTurns ? 'single' : 'multi'
  return ['-accel', `tcg,thread=${threads}`, '-cpu', 'max,-erms,-fsrm,vendor=GenuineIntel']
}

function consoleArgs({ console }: VmSockets): string[] {
  return [
    ['-chardev', `socket,id=console,path=${escaped(console)}`],
    ['-serial', 'chardev:console'],
  ].flat()
}

function monitorArgs({ qmp, tools }: VmSockets): string[] {
  return [
    ['-chardev', `socket,id=qmp,path=${escaped(qmp)}`],
    ['-mon', 'chardev=qmp,mode=control'],
    ['-chardev', `socket,id=tools,path=${escaped(tools)},server=on,wait=off`],
    ['-mon', 'chardev=tools,mode=control'],
  ].flat()
}

function agentArgs({ agent }: VmSockets, bus: string): string[] {
  return [
    ['-device', `virtio-serial-${bus}`],
    ['-chardev', `socket,id=agent,path=${escaped(agent)}`],
    // The guest finds the port by this name (guest/channel.c).
    ['-device', 'virtserialport,chardev=agent,name=klab.agent'],
    ['-device', `virtio-rng-${bus}`],
  ].flat()
}

function memoryArgs({ machine, memory, exports }: BootSpec): string[] {
  const { memoryMiB, type } = machine
  if (memory?.kind === 'own') {
    return [
      ['-object', `memory-backend-ram,id=ram,size=${memoryMiB}M`],
      ['-machine', 'memory-backend=ram'],
    ].flat()
  }
  if (memory) {
    const { path, share } = memory
    return [
      '-object',
      `memory-backend-file,id=ram,size=${memoryMiB}M,mem-path=${escaped(path)},share=${share ? 'on' : 'off'}`,
      ...['-machine', 'memory-backend=ram'],
    ]
  }
  if (!exports.some(({ transport }) => transport === 'virtiofs')) return []
  // A vhost-user daemon maps the guest's memory; virtio-mmio has to speak the modern protocol for it.
  return [
    ['-object', `memory-backend-memfd,id=ram,size=${memoryMiB}M,share=on`],
    ['-machine', 'memory-backend=ram'],
    type === 'microvm' ? ['-global', 'virtio-mmio.force-legacy=false'] : [],
  ].flat()
}

/** VNC counts displays, of which the first is at this port. */
const VNC_BASE = 5900

function displayArgs(display: Display | undefined): string[] {
  if (!display) return ['-display', 'none']
  // The kernel needs no driver of its own for text on it.
  const card = ['-device', 'VGA']
  switch (display.kind) {
    case 'gtk':
    case 'sdl':
      return [...card, '-display', display.kind]
    case 'vnc-port':
      return [...card, '-vnc', `127.0.0.1:${display.port - VNC_BASE}`]
    case 'vnc':
      return [...card, '-vnc', `unix:${escaped(display.socket)}`]
    case 'spice':
      return [...card, '-spice', `unix=on,addr=${escaped(display.socket)},disable-ticketing=on`]
  }
}

function netArgs({ backend, mac }: NetCard, bus: string): string[] {
  // The card's ROM is for booting from the network.
  const rom = bus === 'pci' ? ',romfile=' : ''
  return ['-netdev', backend, '-device', `virtio-net-${bus},netdev=net,mac=${mac}${rom}`]
}

function exportArgs(share: Export, index: number, bus: string): string[] {
  if (share.transport === 'virtiofs') {
    return [
      ['-chardev', `socket,id=fs${index},path=${escaped(share.socket)}`],
      ['-device', `vhost-user-fs-${bus},chardev=fs${index},tag=${escaped(share.tag)}`],
    ].flat()
  }
  const { tag, path, readOnly } = share
  const access = readOnly ? 'readonly=on' : 'readonly=off'
  return [
    // remap: several host file systems are behind one export, and their inode numbers may collide.
    '-fsdev',
    `local,id=fs${index},path=${escaped(path)},security_model=none,multidevs=remap,${access}`,
    '-device',
    `virtio-9p-${bus},fsdev=fs${index},mount_tag=${escaped(tag)}`,
  ]
}

/** QEMU's option syntax: a comma in a value is written twice. */
function escaped(value: string): string {
  return value.replaceAll(',', ',,')
}
