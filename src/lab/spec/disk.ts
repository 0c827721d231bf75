import { resolve } from 'node:path'

import { FormatError, messageOf, parseSizeBytes, UsageError, type Bytes } from '../../base/index.ts'
import { withFileBytes } from '../../host/index.ts'
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
  let facts: DiskFacts
  try {
    facts = withFileBytes(path, factsOf)
  } catch (error) {
    throw refuse(`${path} cannot be taken: ${messageOf(error)}`)
  }
  return { kind: 'file', path, ...facts, access }
}

interface DiskFacts {
  readonly format: 'raw' | 'qcow2'
  readonly bytes: number
}

/** As docs/interop/qcow2.txt of QEMU has it: all numbers with the highest byte first. */
const QCOW2 = { magic: 0x514649fb, bytes: 104, external: 1n << 2n } as const

function factsOf(file: Bytes): DiskFacts {
  const head = Buffer.alloc(QCOW2.bytes)
  file.read(0, Math.min(QCOW2.bytes, file.size)).copy(head)
  if (head.readUInt32BE(0) !== QCOW2.magic) return { format: 'raw', bytes: file.size }
  // QEMU would open any file that the image names. A guest that had it as a raw disk may have written that name.
  const isExternal = head.readUInt32BE(4) >= 3 && (head.readBigUInt64BE(72) & QCOW2.external) !== 0n
  if (head.readBigUInt64BE(8) !== 0n || isExternal)
    throw new FormatError(
      'it is a qcow2 image that has its content in another file, which a guest would see; qemu-img convert makes one image of both',
    )
  return { format: 'qcow2', bytes: Number(head.readBigUInt64BE(24)) }
}
