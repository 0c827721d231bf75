import { existsSync, watch } from 'node:fs'
import { basename, dirname } from 'node:path'

import { Deadline, InfraError } from '../../base/index.ts'
import {
  confined,
  describeExit,
  start,
  type Confinement,
  type LiveProcess,
} from '../../host/index.ts'

const READY_LIMIT_MS = 5_000

/** The command line of a daemon that serves a directory to one VM, for whoever has that uid. Pure. */
export function virtiofsdCommand(served: Served): string[] {
  const { daemon, dir, socket, cached, uid, readOnly, isRust } = served
  // The Rust daemon lets root alone change its root directory; a user has namespaces of its own for that. Never none: what
  // a guest makes the daemon open has to stay below the directory.
  const sandbox = uid === 0 ? 'chroot' : 'namespace'
  const cache = cached ? 'always' : 'auto'
  // Those that the launcher lets it keep (launcher/plain-files.c): it insists on all that it wants.
  const capabilities = readOnly ? '' : ',modcaps=-fsetid:-setfcap:-mknod'
  // The C daemon of QEMU 7 and the Rust one share this old spelling.
  const options = `source=${dir},cache=${cache},sandbox=${sandbox},xattr${capabilities}`
  return [daemon, `--socket-path=${socket}`, '-o', options, ...(isRust ? RUST_OPTIONS : [])]
}

// Overlayfs takes no lower layer that mounts by itself what the host has mounted there (EREMOTE); the C daemon never says it.
const RUST_OPTIONS = ['--no-announce-submounts'] as const

/** A directory that a daemon serves. */
interface Served {
  readonly daemon: string
  readonly dir: string
  readonly socket: string
  /** What the host changes need not be seen. */
  readonly cached: boolean
  /** The guest can write to it, if it is not so. */
  readonly readOnly: boolean
  /** Not the C daemon of QEMU 7. */
  readonly isRust: boolean
  /** Whose daemon it is. */
  readonly uid: number
}

/**
 * Serves a directory to one VM. Ready when its socket is there, not when its process is. To be disposed of after the
 * VM: a guest whose requests nobody answers does not end. Throws InfraError with the daemon's own words.
 */
export async function startVirtiofsd(
  options: Served & { readonly confinement: Confinement; readonly cacheDir: string },
): Promise<LiveProcess> {
  const { daemon, socket, confinement, cacheDir } = options
  const [file, args] = await confined(virtiofsdCommand(options), confinement, cacheDir)
  const appeared = Promise.withResolvers<'ready'>()
  const check = () => existsSync(socket) && appeared.resolve('ready')
  const watcher = watch(dirname(socket), (_, name) => name === basename(socket) && check())
  // As QEMU: no key that is typed ends it.
  const child = start(file, args, { ownSession: true })
  check()
  using deadline = new Deadline(READY_LIMIT_MS)
  const outcome = await Promise.race([appeared.promise, child.exited, deadline.passed])
  watcher.close()
  if (outcome === 'ready') return child
  await child[Symbol.asyncDispose]()
  const why = outcome === 'passed' ? 'it made no socket in 5 s' : describeExit(outcome)
  throw new InfraError(
    'VIRTIOFSD',
    `${daemon} did not start: ${why}: ${child.stderrTail().trim().split('\n').at(-1)}`,
  )
}
