import type { Bus } from '../machine/arch.ts'
import type { Export } from '../machine/boot-spec.ts'
import { escaped } from './option.ts'

/** Host directories that the guest may mount. */
export function exportArgs(exports: readonly Export[], bus: Bus): string[] {
  return exports.flatMap((share, index) => oneExport(share, `fs${index}`, bus))
}

function oneExport(share: Export, id: string, bus: Bus): string[] {
  const tag = escaped(share.tag)
  switch (share.transport) {
    case 'virtiofs':
      return [
        ['-chardev', `socket,id=${id},path=${escaped(share.socket)}`],
        ['-device', `vhost-user-fs-${bus},chardev=${id},tag=${tag}`],
      ].flat()
    case '9p': {
      const access = share.readOnly ? 'readonly=on' : 'readonly=off'
      // remap: several host file systems are behind one export, and their inode numbers may collide.
      const fsdev = `local,id=${id},path=${escaped(share.path)},security_model=none,multidevs=remap,${access}`
      return ['-fsdev', fsdev, '-device', `virtio-9p-${bus},fsdev=${id},mount_tag=${tag}`]
    }
  }
}
