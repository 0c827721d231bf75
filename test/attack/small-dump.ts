import { deflateSync } from 'node:zlib'

const PAGE = 4096
const TEXT = `OSRELEASE=6.1.0
PAGESIZE=4096
SYMBOL(swapper_pg_dir)=ffffffff80001000
SYMBOL(log_buf)=ffffffff80002000
SYMBOL(log_buf_len)=ffffffff80002008
SYMBOL(log_first_idx)=ffffffff80002010
SYMBOL(log_next_idx)=ffffffff80002014
SIZE(printk_log)=16
OFFSET(printk_log.ts_nsec)=0
OFFSET(printk_log.len)=8
OFFSET(printk_log.text_len)=10
OFFSET(printk_log.dict_len)=12
NUMBER(phys_base)=0
`

interface SaidLog {
  readonly texts: readonly string[]
  /** Where the log says that it ends; absent for the truth. */
  readonly next?: number
}

const TWO: SaidLog = { texts: ['Linux version 6.1.0', 'Kernel panic - not syncing: x'] }

/** The memory of a kernel before 5.10, as far as its log goes: page tables at 4 KiB, variables at 8 KiB, the log at 12 KiB. */
function memory({ texts, next }: SaidLog): Buffer {
  const pages = Buffer.alloc(8 * PAGE)
  const PRESENT = 0x63n
  const LARGE = 0x80n
  // The last 2 GiB are the image: one large page of it is all.
  pages.writeBigUInt64LE(0x4000n | PRESENT, PAGE + 511 * 8)
  pages.writeBigUInt64LE(0x5000n | PRESENT, 0x4000 + 510 * 8)
  pages.writeBigUInt64LE(PRESENT | LARGE, 0x5000)
  const VARIABLES = 2 * PAGE
  pages.writeBigUInt64LE(0xffffffff80003000n, VARIABLES)
  pages.writeUInt32LE(PAGE, VARIABLES + 8)
  let at = 3 * PAGE
  for (const text of texts) {
    const length = Math.ceil((16 + text.length) / 8) * 8
    pages.writeBigUInt64LE(1_000_000_000n, at)
    pages.writeUInt16LE(length, at + 8)
    pages.writeUInt16LE(text.length, at + 10)
    pages.write(text, at + 16, 'latin1')
    at += length
  }
  pages.writeUInt32LE(next ?? at - 3 * PAGE, VARIABLES + 20)
  return pages
}

/** A kdump file (diskdump_mod.h of makedumpfile) of a kernel that has said something. */
export function smallDump(said: SaidLog = TWO): Buffer {
  const packed = Array.from({ length: 8 }, (_, page) =>
    deflateSync(memory(said).subarray(page * PAGE, (page + 1) * PAGE)),
  )
  const head = Buffer.alloc(6 * PAGE)
  head.write('KDUMP   ', 'latin1')
  head.writeInt32LE(PAGE, 428)
  head.writeInt32LE(1, 432)
  head.writeUInt32LE(2, 436)
  head.writeBigUInt64LE(BigInt(5 * PAGE), PAGE + 32)
  head.writeBigUInt64LE(BigInt(TEXT.length), PAGE + 40)
  head.write(TEXT, 5 * PAGE, 'latin1')
  head[2 * PAGE] = 0xff
  head[3 * PAGE] = 0xff
  let at = head.length
  for (const [page, { length }] of packed.entries()) {
    const descriptor = 4 * PAGE + page * 24
    head.writeBigUInt64LE(BigInt(at), descriptor)
    head.writeUInt32LE(length, descriptor + 8)
    head.writeUInt32LE(1, descriptor + 12)
    at += length
  }
  return Buffer.concat([head, ...packed])
}
