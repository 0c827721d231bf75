import type { AddressSpace } from './address-space.ts'
import { DumpError, sane } from './source.ts'
import type { Vmcoreinfo } from './vmcoreinfo.ts'

/** One record of the kernel's log. */
export interface LogRecord {
  readonly nanoseconds: bigint
  /** `T12` a task, `C0` a CPU; undefined where the kernel does not keep it. */
  readonly caller: string | undefined
  readonly text: string
}

/** The kernel's log: the lock-less ring buffer of 5.10 and later, or the records of before. */
export function readKernelLog(memory: AddressSpace, info: Vmcoreinfo): LogRecord[] {
  return info.has('SYMBOL(prb)') ? readRing(memory, info) : readRecords(memory, info)
}

/** The state of a descriptor is in its two uppermost bits, its id below (kernel/printk/printk_ringbuffer.h). */
const STATE_SHIFT = 62n
const ID_MASK = (1n << STATE_SHIFT) - 1n
const COMMITTED = 1n
const FINALIZED = 2n
/** An odd position has no text. */
const DATALESS = 1n

function readRing(memory: AddressSpace, info: Vmcoreinfo): LogRecord[] {
  const prb = memory.long(info.symbol('prb'))
  const at = (base: bigint, member: string) => base + BigInt(info.offset(member))
  const ring = at(prb, 'printk_ringbuffer.desc_ring')
  const data = at(prb, 'printk_ringbuffer.text_data_ring')
  const counter = BigInt(info.offset('atomic_long_t.counter'))
  const countBits = sane(memory.int(at(ring, 'prb_desc_ring.count_bits')), 24, 'log')
  const sizeBits = sane(memory.int(at(data, 'prb_data_ring.size_bits')), 26, 'log')
  const sizes = { desc: info.sizeOf('prb_desc'), info: info.sizeOf('printk_info') }
  const count = 1n << BigInt(countBits)
  const read = (pointer: bigint, size: number) => memory.read(memory.long(pointer), size)
  const descs = read(at(ring, 'prb_desc_ring.descs'), sizes.desc * Number(count))
  const infos = read(at(ring, 'prb_desc_ring.infos'), sizes.info * Number(count))
  const text = read(at(data, 'prb_data_ring.data'), 2 ** sizeBits)
  const head = memory.long(at(ring, 'prb_desc_ring.head_id') + counter) & ID_MASK
  const tail = memory.long(at(ring, 'prb_desc_ring.tail_id') + counter) & ID_MASK
  const lpos = info.offset('prb_desc.text_blk_lpos')
  const records: LogRecord[] = []
  for (let id = tail, seen = 0n; seen < count; id = (id + 1n) & ID_MASK, seen++) {
    const index = Number(id & (count - 1n))
    const desc = descs.subarray(index * sizes.desc, (index + 1) * sizes.desc)
    const state = desc.readBigUInt64LE(info.offset('prb_desc.state_var') + Number(counter))
    const isWhole =
      [COMMITTED, FINALIZED].includes(state >> STATE_SHIFT) && (state & ID_MASK) === id
    if (isWhole) {
      const facts = infos.subarray(index * sizes.info, (index + 1) * sizes.info)
      const begin = desc.readBigUInt64LE(lpos + info.offset('prb_data_blk_lpos.begin'))
      const next = desc.readBigUInt64LE(lpos + info.offset('prb_data_blk_lpos.next'))
      records.push({
        nanoseconds: facts.readBigUInt64LE(info.offset('printk_info.ts_nsec')),
        caller: callerOf(facts.readUInt32LE(info.offset('printk_info.caller_id'))),
        text: textOf(text, {
          begin,
          next,
          length: facts.readUInt16LE(info.offset('printk_info.text_len')),
        }),
      })
    }
    if (id === head) break
  }
  return records
}

/** A block of text begins with the id of its record; one that would be cut by the end of the buffer is at its beginning. */
function textOf(
  buffer: Buffer,
  { begin, next, length }: { begin: bigint; next: bigint; length: number },
): string {
  if ((begin & DATALESS) !== 0n) return ''
  const size = BigInt(buffer.length)
  const isWrapped = begin / size !== (next - 1n) / size
  const at = isWrapped ? 0 : Number(begin % size)
  return buffer.toString('utf8', at + 8, at + 8 + length)
}

/** The uppermost bit says whether it is a CPU (printk_caller_id() of kernel/printk/printk.c); 0 where it is not kept. */
function callerOf(id: number): string | undefined {
  if (id === 0) return undefined
  return id & 0x80000000 ? `C${id & 0x7fffffff}` : `T${id}`
}

/** Before 5.10: records one after another in a buffer; one without length says that the next is at the beginning. */
function readRecords(memory: AddressSpace, info: Vmcoreinfo): LogRecord[] {
  const address = memory.long(info.symbol('log_buf'))
  const size = sane(memory.int(info.symbol('log_buf_len')), 64 * 1024 * 1024, 'log')
  const first = memory.int(info.symbol('log_first_idx'))
  const end = memory.int(info.symbol('log_next_idx'))
  const buffer = memory.read(address, size)
  const header = info.sizeOf('printk_log')
  const records: LogRecord[] = []
  let read = 0
  let isBack = false
  for (let at = first; at !== end && read <= size;) {
    if (at + header > size) throw new DumpError('its log is damaged')
    const length = buffer.readUInt16LE(at + info.offset('printk_log.len'))
    if (length === 0) {
      if (isBack) throw new DumpError('its log goes round and round')
      isBack = true
      at = 0
      continue
    }
    const textAt = at + header
    const textLength = buffer.readUInt16LE(at + info.offset('printk_log.text_len'))
    records.push({
      nanoseconds: buffer.readBigUInt64LE(at + info.offset('printk_log.ts_nsec')),
      caller: undefined,
      text: buffer.toString('utf8', textAt, textAt + textLength),
    })
    at += length
    read += length
  }
  return records
}

/** As dmesg prints it: the time and, where it is known, the caller before each line. */
export function formatRecord({ nanoseconds, caller, text }: LogRecord): string {
  const microseconds = nanoseconds / 1000n
  const time = `${String(microseconds / 1_000_000n).padStart(5)}.${String(microseconds % 1_000_000n).padStart(6, '0')}`
  const prefix = `[${time}]${caller === undefined ? '' : `[${caller.padStart(6)}]`} `
  return text
    .split('\n')
    .map((line) => prefix + line)
    .join('\n')
}
