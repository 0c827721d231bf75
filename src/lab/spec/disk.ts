import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { resolve } from 'node:path'

import { messageOf, parseSizeBytes, UsageError } from '../../base/index.ts'
import type { Disk, DiskInterface, DiskSource } from '../../vm/index.ts'

const INTERFACES: readonly DiskInterface[] = ['virtio', 'scsi', 'nvme', 'zoned', 'pmem']
const ACCESSES = ['ro', 'rw', 'cow'] as const
type Access = (typeof ACCESSES)[number]

const FORM =
  'SIZE|FILE[:ro|rw|cow][:virtio|nvme|scsi|pmem|zoned][:slow=IOPS][:serial=NAME], such as 1G:nvme or ./root.img:rw'

/** The least that a disk is: a file system wants more. */
const MIN_BYTES = 1024 * 1024

/**
 * A disk as it is asked for: a size for an empty one that is gone with the VM, or a file, of which the guest has a copy-on-write view unless
 * `rw` or `ro` is said. `number` names it where nobody does. Throws UsageError.
 */
export function parseDisk(text: string, { cwd, number }: { cwd: string; number: number }): Disk {
  const [what = '', ...words] = text.split(':')
  const refuse = (why: string) => new UsageError(`--disk ${text}: ${why}; a disk is ${FORM}`)
  let access: Access | undefined
  let kind: DiskInterface = 'virtio'
  let iops: number | undefined
  let serial = `disk${number}`
  for (const word of words) {
    const [, key, value = ''] = /^(slow|serial)=(.*)$/.exec(word) ?? []
    const [asAccess, asKind] = [
      ACCESSES.find((one) => one === word),
      INTERFACES.find((one) => one === word),
    ]
    if (asAccess) access = asAccess
    else if (asKind) kind = asKind
    else if (key === 'serial') serial = value
    else if (key === 'slow' && /^[1-9]\d{0,6}$/.test(value)) iops = Number(value)
    else throw refuse(`${JSON.stringify(word)} is none of its words`)
  }
  const bytes = parseSizeBytes(what)
  if (bytes !== undefined && access !== undefined)
    throw refuse(`${access} is for a file, and ${what} is a size`)
  if (bytes !== undefined && bytes < MIN_BYTES) throw refuse(`${what} is less than 1M`)
  const source: DiskSource =
    bytes === undefined
      ? fileSource(resolve(cwd, what), access ?? 'cow', refuse)
      : { kind: 'scratch', bytes }
  return { source, interface: kind, serial, ...(iops !== undefined && { iops }) }
}

function fileSource(path: string, access: Access, refuse: (why: string) => UsageError): DiskSource {
  const facts = statSync(path, { throwIfNoEntry: false })
  if (!facts) throw refuse(`there is no file ${path}`)
  // A FIFO would be waited for without end; a block device is somebody's disk.
  if (!facts.isFile()) throw refuse(`${path} is no regular file`)
  try {
    const head = headOf(path)
    if (head.toString('latin1', 0, 4) !== 'QFI\u00fb')
      return { kind: 'file', path, format: 'raw', bytes: facts.size, access }
    // The virtual size of qcow2: 8 bytes at 24, the highest first (docs/interop/qcow2.txt).
    const bytes = Number(head.readBigUInt64BE(24))
    return { kind: 'file', path, format: 'qcow2', bytes, access }
  } catch (error) {
    throw refuse(`${path} cannot be read: ${messageOf(error)}`)
  }
}

function headOf(path: string): Buffer {
  const head = Buffer.alloc(32)
  const file = openSync(path, 'r')
  try {
    readSync(file, head, 0, head.length, 0)
    return head
  } finally {
    closeSync(file)
  }
}
