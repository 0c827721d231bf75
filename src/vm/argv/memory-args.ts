import { machineTypeFacts } from '../machine/arch.ts'
import type { BootSpec } from '../machine/machine.ts'
import { escaped } from './option.ts'

const AS_MAIN_MEMORY = ['-machine', 'memory-backend=ram']

/** Where guest memory is, unless QEMU may choose. */
export function memoryArgs({ machine, memory, exports }: BootSpec): string[] {
  const size = `size=${machine.memoryMiB}M`
  switch (memory?.kind) {
    case 'own':
      return ['-object', `memory-backend-ram,id=ram,${size}`, ...AS_MAIN_MEMORY]
    case 'file': {
      const { path, share } = memory
      const backend = `memory-backend-file,id=ram,${size},mem-path=${escaped(path)},share=${share ? 'on' : 'off'}`
      return ['-object', backend, ...AS_MAIN_MEMORY]
    }
    case undefined:
  }
  if (!exports.some(({ transport }) => transport === 'virtiofs')) return []
  // A vhost-user daemon maps the guest's memory; virtio-mmio has to speak the modern protocol for it.
  return [
    ['-object', `memory-backend-memfd,id=ram,${size},share=on`],
    AS_MAIN_MEMORY,
    machineTypeFacts(machine).bus === 'device' ? ['-global', 'virtio-mmio.force-legacy=false'] : [],
  ].flat()
}
