import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'

import { InfraError, messageOf, tryDecodeJson } from '../../base/index.ts'
import { isAlive, isProcessIdentity, processIdentity, noteIn } from '../../host/index.ts'
import type { Paths } from '../session/paths.ts'
import type { Published } from '../spec/net-request.ts'

/**
 * Makes sure of the ports that a VM publishes, and chooses those that may be any: a port that another klab has claimed for a
 * VM of its own, or that somebody listens on, is refused before QEMU would. Throws InfraError.
 */
export async function claimPorts(
  paths: Paths,
  publish: readonly Published[],
  resources: AsyncDisposableStack,
): Promise<Published[]> {
  const claimed: Published[] = []
  for (const port of publish) {
    const found = port.hostPort === 0 ? await anyPort(paths, port, resources) : port
    if (port.hostPort !== 0) await claimPort(paths, port, resources)
    claimed.push(found)
  }
  return claimed
}

const ATTEMPTS = 32

async function anyPort(
  paths: Paths,
  port: Published,
  resources: AsyncDisposableStack,
): Promise<Published> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const hostPort = await tryPort({ ...port, hostPort: 0 })
    if (claim(paths, { ...port, hostPort }, resources)) return { ...port, hostPort }
  }
  throw new InfraError('PORT', `no free port was found at ${port.address}`)
}

async function claimPort(
  paths: Paths,
  port: Published,
  resources: AsyncDisposableStack,
): Promise<void> {
  const { address, hostPort, protocol } = port
  const place = `${protocol} port ${hostPort} at ${address}`
  if (!claim(paths, port, resources))
    throw new InfraError(
      'PORT',
      `${place} is published by another VM; choose another, or 0 for any`,
    )
  try {
    await tryPort(port)
  } catch (error) {
    throw new InfraError(
      'PORT',
      `${place} cannot be published: ${messageOf(error)}; choose another, or 0 for any`,
      { cause: error },
    )
  }
}

/** Listens for a moment. Returns the port; throws if somebody else has it, or it is not ours to have. */
async function tryPort({ address, hostPort, protocol }: Published): Promise<number> {
  if (protocol === 'udp') {
    const socket = createSocket('udp4').bind(hostPort, address)
    await once(socket, 'listening')
    const { port } = socket.address()
    socket.close()
    return port
  }
  const server = createServer().listen(hostPort, address)
  await once(server, 'listening')
  const bound = server.address()
  server.close()
  await once(server, 'close')
  return bound !== null && typeof bound === 'object' ? bound.port : hostPort
}

/** Between our look and QEMU's bind another klab must not choose the same: a file says whose it is. */
function claim(
  paths: Paths,
  { hostPort, protocol }: Published,
  resources: AsyncDisposableStack,
): boolean {
  const dir = join(paths.runtime, 'ports')
  const path = join(dir, `${protocol}-${hostPort}`)
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      writeFileSync(path, JSON.stringify(processIdentity(process.pid)), { flag: 'wx' })
      resources.defer(() => rmSync(path, { force: true }))
      return true
    } catch {
      if (isHeld(path)) return false
      // Of a klab that was killed.
      rmSync(path, { force: true })
    }
  }
  return false
}

function isHeld(path: string): boolean {
  try {
    const owner = tryDecodeJson(noteIn(path), isProcessIdentity)
    return owner !== undefined && isAlive(owner)
  } catch {
    return false
  }
}
