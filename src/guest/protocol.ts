/**
 * The agent protocol: the one table from which come our codec (codec.ts) and the agent's `guest/protocol.h`
 * (protocol-header.ts).
 *
 * A frame is a 12-byte header and a payload, little-endian:
 *
 *     u32 length of the payload | u16 type | u16 zero | u32 stream
 *
 * `stream` says what the frame is about: the number the host gave to an exec, put, get or other request; 0 is the
 * agent itself. Fields are laid end to end: `bytes` is a u32 length and the bytes, `list` a u32 count and that many
 * `bytes`, `u32s` a u32 count and the numbers, `rest` whatever is left in the frame.
 */
export const PROTOCOL_VERSION = 3

export const HEADER_BYTES = 12

/** The most that one frame from the guest may hold: what the host will buffer for a guest that lies. */
export const MAX_GUEST_PAYLOAD = 64 * 1024

/** The most that one frame to the guest may hold: argv and environment at the kernel's own limit (ARG_MAX) fit. */
export const MAX_HOST_PAYLOAD = 8 * 1024 * 1024

/** Bytes in flight per stream before the reader has to grant more (`credit`). */
export const STDIN_WINDOW = 1024 * 1024
export const OUTPUT_WINDOW = 4 * 1024 * 1024

/** Flags of `exec`. */
export const EXEC_TTY = 1

/** Kinds of `mount`. */
export const MOUNT_KINDS = { '9p': 1, virtiofs: 2 } as const

/** Flags of `mount`: what it becomes in the guest. */
export const MOUNT_FLAGS = { readOnly: 1, overlay: 2, root: 4 } as const

export type FieldType = 'u32' | 'u64' | 'i32' | 'bytes' | 'list' | 'u32s' | 'u64s' | 'rest'

interface MessageFacts {
  readonly id: number
  /** Who sends it. */
  readonly from: 'host' | 'guest' | 'both'
  readonly does: string
  readonly fields: Readonly<Record<string, FieldType>>
}

export const MESSAGES = {
  hello: {
    id: 1,
    from: 'host',
    does: 'opens the conversation; the agent answers ready',
    fields: { version: 'u32' },
  },
  ready: {
    id: 2,
    from: 'guest',
    does: 'the agent is up',
    fields: { version: 'u32', uptimeMs: 'u64', release: 'bytes', notes: 'list' },
  },
  ping: { id: 3, from: 'host', does: 'asks for a sign of life', fields: { token: 'u64' } },
  pong: { id: 4, from: 'guest', does: 'the sign of life', fields: { token: 'u64' } },
  exec: {
    id: 5,
    from: 'host',
    does: 'starts a command on this stream; limits are (RLIMIT number, soft, hard) in rows of three',
    fields: {
      flags: 'u32',
      uid: 'u32',
      gid: 'u32',
      rows: 'u32',
      cols: 'u32',
      cwd: 'bytes',
      groups: 'u32s',
      limits: 'u64s',
      argv: 'list',
      env: 'list',
    },
  },
  started: { id: 6, from: 'guest', does: 'the command runs', fields: { pid: 'u32' } },
  stdin: {
    id: 7,
    from: 'host',
    does: 'bytes for the command or the file; an empty frame is the end',
    fields: { data: 'rest' },
  },
  stdout: {
    id: 8,
    from: 'guest',
    does: 'bytes from the command or the file; an empty frame is the end',
    fields: { data: 'rest' },
  },
  stderr: { id: 9, from: 'guest', does: 'as stdout', fields: { data: 'rest' } },
  credit: {
    id: 10,
    from: 'both',
    does: 'the reader of a stream (0, 1 or 2) will take that many bytes more',
    fields: { fd: 'u32', bytes: 'u32' },
  },
  resize: { id: 11, from: 'host', does: 'new window size', fields: { rows: 'u32', cols: 'u32' } },
  signal: {
    id: 12,
    from: 'host',
    does: "signals the command's process group",
    fields: { number: 'u32' },
  },
  exited: {
    id: 13,
    from: 'guest',
    does: 'the command ended: by itself (signal 0) or by a signal',
    fields: { code: 'i32', signal: 'u32', maxRssKiB: 'u64', cpuMs: 'u64' },
  },
  done: {
    id: 14,
    from: 'guest',
    does: 'the request of this stream ended; errno 0 is success, what names the step that failed',
    fields: { errno: 'u32', what: 'bytes' },
  },
  put: {
    id: 15,
    from: 'host',
    does: 'writes a file from the stdin frames that follow, or a directory or symbolic link, as the type in the mode says; answered by done',
    fields: { mode: 'u32', uid: 'u32', gid: 'u32', path: 'bytes' },
  },
  get: {
    id: 16,
    from: 'host',
    does: 'reads a file: its facts, stdout frames, done',
    fields: { path: 'bytes' },
  },
  clock: { id: 17, from: 'host', does: 'sets the clock', fields: { seconds: 'u64', nanos: 'u32' } },
  entropy: { id: 18, from: 'host', does: 'credits random bytes', fields: { data: 'rest' } },
  hostname: { id: 19, from: 'host', does: 'sets the host name', fields: { hostname: 'bytes' } },
  mount: {
    id: 20,
    from: 'host',
    does: 'mounts an export as root or share; files (path and content in turn) stand over those of an overlay; answered by done',
    fields: {
      kind: 'u32',
      flags: 'u32',
      tag: 'bytes',
      target: 'bytes',
      options: 'bytes',
      files: 'list',
    },
  },
  sync: {
    id: 21,
    from: 'host',
    does: 'writes back what shares still hold; answered by done',
    fields: {},
  },
  file: {
    id: 23,
    from: 'guest',
    does: 'the file of a get, before its bytes',
    fields: { mode: 'u32', size: 'u64' },
  },
  stat: {
    id: 24,
    from: 'host',
    does: 'asks what a path is; answered by done, whose what is directory, file, or other',
    fields: { path: 'bytes' },
  },
  list: {
    id: 26,
    from: 'host',
    does: 'lists a directory and all below it into stdout frames, as records of mode (octal), space, path, NUL; then done',
    fields: { path: 'bytes' },
  },
  net: {
    id: 25,
    from: 'host',
    does: 'configures the network card that is known by one hardware address, and gives it another; addresses are IPv4 numbers, 0 for none; answered by done',
    fields: { address: 'u32', prefix: 'u32', gateway: 'u32', mac: 'bytes', knownAs: 'bytes' },
  },
  cancel: {
    id: 27,
    from: 'host',
    does: 'ends the transfer of this stream, of which nothing stays; answered by the done of that',
    fields: {},
  },
  poweroff: { id: 22, from: 'host', does: 'ends the machine', fields: {} },
} as const satisfies Record<string, MessageFacts>

export type MessageName = keyof typeof MESSAGES

interface FieldValues {
  u32: number
  u64: bigint
  i32: number
  bytes: Uint8Array
  list: readonly Uint8Array[]
  u32s: readonly number[]
  u64s: readonly bigint[]
  rest: Uint8Array
}

type Fields<N extends MessageName> = (typeof MESSAGES)[N]['fields']

export type Message = {
  [N in MessageName]: {
    readonly name: N
    readonly stream: number
  } & {
    readonly [F in keyof Fields<N>]: Fields<N>[F] extends FieldType
      ? FieldValues[Fields<N>[F]]
      : never
  }
}[MessageName]

/** A message that this side may send. */
type SentBy<Side extends 'guest' | 'host'> = {
  [N in MessageName]: (typeof MESSAGES)[N]['from'] extends Side | 'both' ? N : never
}[MessageName]

/** What the guest may say. */
export type GuestMessage = Extract<Message, { name: SentBy<'guest'> }>

/** What may be said to the guest. */
export type HostMessage = Extract<Message, { name: SentBy<'host'> }>
