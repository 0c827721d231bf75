import {
  HEADER_BYTES,
  MAX_GUEST_PAYLOAD,
  MAX_HOST_PAYLOAD,
  MESSAGES,
  type FieldType,
  type GuestMessage,
  type HostMessage,
  type Message,
  type MessageName,
} from './protocol.ts'

/** The peer broke the protocol; nothing it says can be trusted after that. */
export class ProtocolError extends Error {}

/** One message as the bytes of one frame. */
export function encode(message: Message): Buffer {
  const { id, fields } = MESSAGES[message.name]
  const values = message as unknown as Record<string, unknown>
  const parts = Object.entries(fields).map(([field, type]) => encodeField(type, values[field]))
  const payload = parts.reduce((sum, part) => sum + part.length, 0)
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt32LE(payload, 0)
  header.writeUInt16LE(id, 4)
  header.writeUInt32LE(message.stream, 8)
  return Buffer.concat([header, ...parts])
}

const NAMES = new Map<number, MessageName>(
  Object.entries(MESSAGES).map(([name, { id }]) => [id, name as MessageName]),
)

type Peer = 'guest' | 'host'

/** What a peer may send. */
interface MessagesOf {
  guest: GuestMessage
  host: HostMessage
}

/** Splits what arrives from a peer into messages. Throws ProtocolError on anything a sound one would not send. */
export class FrameReader<P extends Peer> {
  readonly #peer: P
  #pending: Buffer = Buffer.alloc(0)

  constructor(peer: P) {
    this.#peer = peer
  }

  /** The messages completed by this chunk; their data are views into it. */
  push(chunk: Buffer): MessagesOf[P][] {
    const messages: MessagesOf[P][] = []
    let buffer = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk])
    while (buffer.length >= HEADER_BYTES) {
      const length = buffer.readUInt32LE(0)
      const name = checkHeader(buffer, length, this.#peer)
      if (buffer.length < HEADER_BYTES + length) break
      const payload = buffer.subarray(HEADER_BYTES, HEADER_BYTES + length)
      const stream = buffer.readUInt32LE(8)
      buffer = buffer.subarray(HEADER_BYTES + length)
      // checkHeader has refused what this peer may not send.
      messages.push(decodePayload(name, stream, payload) as MessagesOf[P])
    }
    this.#pending = buffer
    return messages
  }
}

function checkHeader(buffer: Buffer, length: number, peer: Peer): MessageName {
  const other = peer === 'guest' ? 'host' : 'guest'
  const limit = peer === 'guest' ? MAX_GUEST_PAYLOAD : MAX_HOST_PAYLOAD
  const id = buffer.readUInt16LE(4)
  const name = NAMES.get(id)
  if (name === undefined || MESSAGES[name].from === other || buffer.readUInt16LE(6) !== 0) {
    throw new ProtocolError(`the ${peer} sent a frame of unknown type ${id}`)
  }
  if (length > limit) {
    throw new ProtocolError(`the ${peer} announced a frame of ${length} bytes`)
  }
  return name
}

/** The message of one payload. Throws ProtocolError when a field runs past the end or bytes are left over. */
export function decodePayload(name: MessageName, stream: number, payload: Buffer): Message {
  const cursor = new Cursor(payload)
  const message: Record<string, unknown> = { name, stream }
  for (const [field, type] of Object.entries(MESSAGES[name].fields)) {
    message[field] = cursor.read(type)
  }
  if (!cursor.atEnd) throw new ProtocolError(`the guest sent a ${name} frame with bytes left over`)
  // The table that built the object is the table that the type is made from.
  return message as unknown as Message
}

class Cursor {
  readonly #payload: Buffer
  #at = 0

  constructor(payload: Buffer) {
    this.#payload = payload
  }

  get atEnd(): boolean {
    return this.#at === this.#payload.length
  }

  read(type: FieldType): unknown {
    switch (type) {
      case 'u32':
        return this.#take(4).readUInt32LE(0)
      case 'i32':
        return this.#take(4).readInt32LE(0)
      case 'u64':
        return this.#take(8).readBigUInt64LE(0)
      case 'bytes':
        return this.#take(this.#take(4).readUInt32LE(0))
      case 'list':
        return this.#many(() => this.read('bytes'))
      case 'u32s':
        return this.#many(() => this.read('u32'))
      case 'u64s':
        return this.#many(() => this.read('u64'))
      case 'rest':
        return this.#take(this.#payload.length - this.#at)
    }
  }

  #many<T>(one: () => T): T[] {
    const count = this.#take(4).readUInt32LE(0)
    const values: T[] = []
    // Not Array.from({length}): the count is the guest's word, and each value read checks the bytes behind it.
    for (let index = 0; index < count; index++) values.push(one())
    return values
  }

  #take(bytes: number): Buffer {
    if (bytes > this.#payload.length - this.#at) {
      throw new ProtocolError('the guest sent a frame that is shorter than its fields')
    }
    this.#at += bytes
    return this.#payload.subarray(this.#at - bytes, this.#at)
  }
}

function encodeField(type: FieldType, value: unknown): Buffer {
  switch (type) {
    case 'u32':
    case 'i32':
      return u32(value as number)
    case 'u64':
      return u64(value as bigint)
    case 'bytes': {
      const bytes = value as Uint8Array
      return Buffer.concat([u32(bytes.length), bytes])
    }
    case 'list': {
      const list = value as readonly Uint8Array[]
      return Buffer.concat([u32(list.length), ...list.flatMap((item) => [u32(item.length), item])])
    }
    case 'u32s': {
      const numbers = value as readonly number[]
      return Buffer.concat([u32(numbers.length), ...numbers.map(u32)])
    }
    case 'u64s': {
      const numbers = value as readonly bigint[]
      return Buffer.concat([u32(numbers.length), ...numbers.map(u64)])
    }
    case 'rest':
      return Buffer.from(value as Uint8Array)
  }
}

function u32(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeUInt32LE(value >>> 0)
  return buffer
}

function u64(value: bigint): Buffer {
  const buffer = Buffer.alloc(8)
  buffer.writeBigUInt64LE(value)
  return buffer
}
