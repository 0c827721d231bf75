/** A file, directory or device for an initramfs. */
export interface CpioEntry {
  /** Without a leading slash. */
  readonly path: string
  /** Type and permission bits, as in st_mode. */
  readonly mode: number
  readonly data?: Uint8Array
  /** Major and minor of a device node. */
  readonly device?: readonly [number, number]
}

export const S_IFDIR = 0o040000
export const S_IFREG = 0o100000
export const S_IFCHR = 0o020000

/**
 * A cpio archive in the "newc" format, all of it owned by root and dated 0: equal input gives equal bytes
 * (Documentation/driver-api/early-userspace/buffer-format.rst).
 */
export function cpio(entries: readonly CpioEntry[]): Buffer {
  const records = entries.map((entry, index) => record(entry, index + 1))
  return Buffer.concat([...records, record({ path: 'TRAILER!!!', mode: 0 }, 0)])
}

function record(
  { path, mode, data = new Uint8Array(), device = [0, 0] }: CpioEntry,
  ino: number,
): Buffer {
  const name = Buffer.from(`${path}\0`)
  const nlink = (mode & S_IFDIR) === S_IFDIR ? 2 : 1
  // ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
  const numbers = [ino, mode, 0, 0, nlink, 0, data.length, 0, 0, ...device, name.length, 0]
  const header = `070701${numbers.map((n) => n.toString(16).toUpperCase().padStart(8, '0')).join('')}`
  return Buffer.concat([padded(Buffer.concat([Buffer.from(header), name])), padded(data)])
}

function padded(data: Uint8Array): Buffer {
  const rest = data.length % 4
  return rest === 0 ? Buffer.from(data) : Buffer.concat([data, Buffer.alloc(4 - rest)])
}
