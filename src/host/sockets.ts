import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'

import { InfraError, messageOf } from '../base/index.ts'

/** A unix socket on which exactly one peer is expected. We listen, the peer connects: nothing is polled. */
export interface Listener extends AsyncDisposable {
  readonly path: string
  /** The peer, once it is there. */
  readonly connected: Promise<Socket>
}

/** Serves whoever connects to a unix socket, until disposed of; then all connections end, and the socket is gone. */
export async function serve(
  path: string,
  onConnection: (socket: Socket) => void,
): Promise<AsyncDisposable> {
  const sockets = new Set<Socket>()
  const server = await listening(path, createServer())
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('close', () => sockets.delete(socket))
    onConnection(socket)
  })
  return {
    async [Symbol.asyncDispose]() {
      server.close()
      // What was answered last is on its way.
      for (const socket of sockets) socket.destroySoon()
    },
  }
}

/** Linux's sun_path (108 bytes with its NUL). */
const MAX_SOCKET_PATH = 107

export async function listenForOne(path: string): Promise<Listener> {
  const server = await listening(path, createServer({ highWaterMark: 256 * 1024 }))
  let peer: Socket | undefined
  const connected = new Promise<Socket>((resolve) => {
    server.once('connection', (socket) => {
      peer = socket
      // Nobody else is expected, and the path is of no more use.
      server.close()
      socket.on('error', () => undefined)
      resolve(socket)
    })
  })
  return {
    path,
    connected,
    async [Symbol.asyncDispose]() {
      peer?.destroy()
      if (server.listening) server.close()
    },
  }
}

async function listening(path: string, server: Server): Promise<Server> {
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH) {
    throw new InfraError(
      'SOCKET',
      `the socket path ${path} is longer than ${MAX_SOCKET_PATH} bytes; set KLAB_HOME or XDG_RUNTIME_DIR to a shorter directory`,
    )
  }
  server.listen(path)
  try {
    await once(server, 'listening')
    return server
  } catch (error) {
    throw new InfraError('SOCKET', `cannot listen on ${path}: ${messageOf(error)}`)
  }
}
