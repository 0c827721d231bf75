import { machineTypeFacts } from '../machine/arch.ts'
import type { BootSpec } from '../machine/boot-spec.ts'
import { nodesOf } from '../machine/nodes.ts'
import { escaped } from './option.ts'

/** How much memory, where it is, and on which nodes. */
export function memoryArgs(spec: BootSpec): string[] {
  const { machine } = spec
  const size = ['-m', sizeArgument(spec)]
  const kind = backendOf(spec)
  if (machine.nodes > 1) return [...size, ...nodeArgs(spec, kind ?? 'memory-backend-ram')]
  if (kind === undefined) return size
  const backend = `${kind},id=ram,size=${machine.memoryMiB}M`
  return [...size, '-object', backend, '-machine', 'memory-backend=ram', ...modernMmio(spec)]
}

/** The kind of memory and its options; undefined where QEMU may choose. */
function backendOf({ memory, exports }: BootSpec): string | undefined {
  switch (memory?.kind) {
    case 'own':
      return 'memory-backend-ram'
    case 'file':
      return `memory-backend-file,mem-path=${escaped(memory.path)},share=${memory.share ? 'on' : 'off'}`
    case undefined:
      // A vhost-user daemon maps the guest's memory.
      return exports.some(({ transport }) => transport === 'virtiofs')
        ? 'memory-backend-memfd,share=on'
        : undefined
  }
}

/** virtio-mmio has to speak the modern protocol for a vhost-user daemon. */
function modernMmio({ machine, memory }: BootSpec): string[] {
  const isMmio = machineTypeFacts(machine).bus === 'device'
  return memory === undefined && isMmio ? ['-global', 'virtio-mmio.force-legacy=false'] : []
}

function nodeArgs({ machine }: BootSpec, kind: string): string[] {
  return nodesOf(machine).flatMap(({ memoryMiB, cpus }, index) => {
    const own = cpus ? `,cpus=${cpus[0]}-${cpus[1]}` : ''
    return [
      ['-object', `${kind},id=ram${index},size=${memoryMiB}M`],
      ['-numa', `node,nodeid=${index}${own},memdev=ram${index}`],
    ].flat()
  })
}

/** Persistent memory lies beyond the guest's own, where memory can be plugged in: each begins at a multiple of a gigabyte. */
function sizeArgument({ machine }: BootSpec): string {
  const { memoryMiB, disks } = machine
  const persistent = disks.flatMap(({ interface: kind, source }) =>
    kind === 'pmem' ? [1024 * (Math.ceil(source.bytes / 2 ** 30) + 1)] : [],
  )
  if (persistent.length === 0) return `${memoryMiB}M`
  return `${memoryMiB}M,maxmem=${persistent.reduce((sum, mib) => sum + mib, memoryMiB)}M`
}
