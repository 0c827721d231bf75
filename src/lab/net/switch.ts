import type { Socket } from 'node:net'

import { serve } from '../../host/index.ts'

/** QEMU's stream netdev: each frame after its length, 4 bytes, the highest first (net/stream.c). */
const LENGTH_BYTES = 4
const HEADER_BYTES = 14
/** A frame that segmentation was left to, and its headers. */
const MAX_FRAME = 68 * 1024
/** A VM that does not read loses frames, as on any wire. */
const MAX_QUEUED = 4 * 1024 * 1024
/** How long an empty switch waits for the next VM. */
const LINGER_MS = 10_000
/** Addresses that are remembered of one port: no more than any guest needs. */
const MAX_ADDRESSES = 64

/** One VM's port: what arrives is cut into frames, and nothing that is said is believed but its length. */
class Port {
  readonly socket: Socket
  #pending: Buffer = Buffer.alloc(0)

  constructor(socket: Socket) {
    this.socket = socket
  }

  /** The frames completed by this chunk. Undefined when the peer does not speak the protocol. */
  frames(chunk: Buffer): Buffer[] | undefined {
    let buffer = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk])
    const frames: Buffer[] = []
    while (buffer.length >= LENGTH_BYTES) {
      const length = buffer.readUInt32BE(0)
      if (length > MAX_FRAME) return undefined
      if (buffer.length < LENGTH_BYTES + length) break
      frames.push(buffer.subarray(0, LENGTH_BYTES + length))
      buffer = buffer.subarray(LENGTH_BYTES + length)
    }
    this.#pending = buffer
    return frames
  }

  send(frame: Buffer): void {
    if (this.socket.writableLength < MAX_QUEUED) this.socket.write(frame)
  }
}

interface Segment {
  readonly ports: Set<Port>
  /** The port behind which an address was seen. */
  readonly learned: Map<string, Port>
}

/** A learning Ethernet switch between the VMs of a segment. Resolves when the last of them has been gone for a while. */
export async function runSwitch(path: string, onReady: () => void): Promise<void> {
  const segment: Segment = { ports: new Set(), learned: new Map() }
  const { ports, learned } = segment
  const empty = Promise.withResolvers<void>()
  let linger = setTimeout(empty.resolve, LINGER_MS)
  await using _server = await serve(path, (socket) => {
    const port = new Port(socket)
    ports.add(port)
    clearTimeout(linger)
    socket.on('data', (chunk: Buffer) => {
      const frames = port.frames(chunk)
      if (!frames) socket.destroy()
      for (const frame of frames ?? []) forward(frame, port, segment)
    })
    socket.once('close', () => {
      ports.delete(port)
      for (const [address, owner] of learned) if (owner === port) learned.delete(address)
      if (ports.size > 0) return
      clearTimeout(linger)
      linger = setTimeout(empty.resolve, LINGER_MS)
    })
  })
  onReady()
  await empty.promise
}

function forward(frame: Buffer, from: Port, { ports, learned }: Segment): void {
  if (frame.length < LENGTH_BYTES + HEADER_BYTES) return
  const target = frame.toString('latin1', LENGTH_BYTES, LENGTH_BYTES + 6)
  const source = frame.toString('latin1', LENGTH_BYTES + 6, LENGTH_BYTES + 12)
  if (learned.get(source) !== from && addressesOf(learned, from) < MAX_ADDRESSES)
    learned.set(source, from)
  // The lowest bit of the first byte marks a group.
  const isGroup = (frame[LENGTH_BYTES] ?? 0) & 1
  const known = isGroup ? undefined : learned.get(target)
  if (known) {
    if (known !== from) known.send(frame)
    return
  }
  for (const port of ports) if (port !== from) port.send(frame)
}

function addressesOf(learned: ReadonlyMap<string, Port>, port: Port): number {
  let count = 0
  for (const owner of learned.values()) if (owner === port) count++
  return count
}
