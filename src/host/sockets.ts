import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'

import { InfraError, messageOf } from '../base/index.ts'

/** A unix socket on which exactly one peer is expected. We listen, the peer connects: nothing is polled. */
export interface Listener extends AsyncDisposable {
  readonly path: string
  /** The peer, once it is there. */
  readonly connected: Promise<Socket>
}

/** Linux's sun_path (108 bytes with its NUL). */
const MAX_SOCKET_PATH = 107

export async function listenForOne(path: string): Promise<Listener> {
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH) {
    throw new InfraError(
      'SOCKET',
      `the socket path ${path} is longer than ${MAX_SOCKET_PATH} bytes; set KLAB_HOME or XDG_RUNTIME_DIR to a shorter directory`,
    )
  }
  const server = createServer({ highWaterMark: 256 * 1024 })
  server.listen(path)
  try {
    await once(server, 'listening')
  } catch (error) {
    throw new InfraError('SOCKET', `cannot listen on ${path}: ${messageOf(error)}`)
  }
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
