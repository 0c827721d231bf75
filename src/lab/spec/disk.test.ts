import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'

import { parseDisk } from './disk.ts'

const cwd = mkdtempSync(join(tmpdir(), 'klab-disk-'))
afterAll(() => rmSync(cwd, { recursive: true }))
writeFileSync(join(cwd, 'raw.img'), Buffer.alloc(4096, 1))
// The head of a qcow2 of 1 GiB, version 3.
const head = Buffer.alloc(512)
head.write('QFI\u00fb', 'latin1')
head.writeUInt32BE(3, 4)
head.writeBigUInt64BE(2n ** 30n, 24)
writeFileSync(join(cwd, 'packed.qcow2'), head)

// Over another file, and with its data in one.
writeFileSync(
  join(cwd, 'over-another.img'),
  changed((bytes) => bytes.writeBigUInt64BE(112n, 8)),
)
writeFileSync(
  join(cwd, 'beside-another.img'),
  changed((bytes) => bytes.writeBigUInt64BE(4n, 72)),
)

function changed(change: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.from(head)
  change(bytes)
  return bytes
}

const parse = (text: string) => parseDisk(text, { cwd, number: 0 })

test.each<[string, object]>([
  ['1G', { source: { kind: 'scratch', bytes: 2 ** 30 }, interface: 'virtio', serial: 'disk0' }],
  ['64M:nvme', { interface: 'nvme' }],
  ['64M:scsi:slow=50:serial=log', { interface: 'scsi', iops: 50, serial: 'log' }],
  ['raw.img', { source: { kind: 'file', format: 'raw', bytes: 4096, access: 'cow' } }],
  ['./raw.img:rw:pmem', { source: { access: 'rw' }, interface: 'pmem' }],
  ['packed.qcow2:ro', { source: { format: 'qcow2', bytes: 2 ** 30, access: 'ro' } }],
])('--disk %s', (text, disk) => {
  expect(parse(text)).toMatchObject(disk)
})

test.each([
  ['1G:rw', /rw is for a file/],
  ['10', /less than 1M/],
  ['nothing.img', /nothing.img cannot be taken: there is no such file/],
  ['over-another.img', /has its content in another file, which a guest would see/],
  ['beside-another.img', /has its content in another file/],
  ['/dev/null', /no regular file/],
  ['1G:floppy', /"floppy" is none of its words/],
  ['1G:slow=0', /"slow=0" is none/],
])('a disk %s is refused', (text, why) => {
  expect(() => parse(text)).toThrow(why)
})
