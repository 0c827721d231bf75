import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'

import type { MountRequest } from '../../guest/index.ts'
import type { Confinement, LiveProcess } from '../../host/index.ts'
import { startVirtiofsd, type Export } from '../../vm/index.ts'
import { isCVirtiofsd, virtiofsdPath, type Lab } from '../session/context.ts'
import type { Share } from '../spec/shares.ts'
import type { Root } from '../spec/vm-spec.ts'
import { hiddenPaths } from './hidden.ts'

/** A host directory on its way into the guest. */
export interface PlannedMount {
  readonly request: MountRequest
  readonly path: string
  readonly cached: boolean
}

/** The agent gives msize to 9p up to what virtio's ring carries (PAGE_SIZE * (VIRTQUEUE_NUM - 3), net/9p/trans_virtio.c). */
const NINE_P_OPTIONS = 'trans=virtio,version=9p2000.L,msize=512000,access=any'

/** Everything that a VM sees of this machine: root first, then the shares in their order. */
export interface HostView {
  readonly mounts: readonly PlannedMount[]
  /** For whoever serves the root: QEMU itself with 9p, the daemon with virtiofs. */
  readonly rootConfinement: Confinement
}

/** Whose view is planned: a VM with its root and shares. */
export interface Viewer {
  readonly id: string
  readonly root: Root
  readonly shares: readonly Share[]
}

/** Plans what the guest sees of this machine. */
export function planView(
  lab: Lab,
  { id, root: asked, shares }: Viewer,
  transport: '9p' | 'virtiofs',
): HostView {
  const dir = join(lab.paths.runtime, id, 'root')
  const options = (cache: 'loose' | 'none') =>
    transport === '9p' ? `${NINE_P_OPTIONS},cache=${cache}` : ''
  const root: PlannedMount = {
    path: dir,
    cached: true,
    request: { transport, tag: ROOT_TAG, target: 'root', mode: 'cow', options: options('loose') },
  }
  const shared = shares.map(({ mode, host, guest, cached }, index): PlannedMount => ({
    path: host,
    cached,
    request: {
      ...{ transport, tag: shareTag(index), target: { path: guest }, mode },
      options: options(cached ? 'loose' : 'none'),
    },
  }))
  if (asked.kind !== 'host') return { mounts: shared, rootConfinement: {} }
  const hidden = hiddenPaths(lab.env['HOME'] ?? '/', lab.cwd, { more: lab.config.run.hide })
  return { mounts: [root, ...shared], rootConfinement: { export: { dir, hidden } } }
}

const ROOT_TAG = 'klab.root'

function shareTag(index: number): string {
  return `klab.share${index}`
}

/** QEMU's exports of a view by 9p, which it serves itself. */
export function nineExports({ mounts }: HostView): Export[] {
  return mounts.map(({ request: { tag, mode }, path }) => ({
    ...{ transport: '9p', tag, path, readOnly: mode !== 'rw' },
  }))
}

/** Templates have places for this many shares, or more in such lots: what is put there is up to each clone. */
const SLOT_LOT = 4

/**
 * The exports with those that fill up the places of a template: an empty directory on each. The tags do not depend on
 * what is exported.
 */
export function withSlots(
  exports: readonly Export[],
  { hasRoot, empty }: { hasRoot: boolean; empty: string },
): Export[] {
  const shares = exports.length - (hasRoot ? 1 : 0)
  const slots = Math.ceil(shares / SLOT_LOT) * SLOT_LOT
  const fill = Array.from({ length: slots - shares }, (_, index): Export => ({
    ...{ transport: '9p', tag: shareTag(shares + index), path: empty, readOnly: true },
  }))
  return [...exports, ...fill]
}

/** A process that serves a directory to a guest, which does nothing in there without it. */
export interface Daemon {
  /** For people. */
  readonly what: string
  readonly process: LiveProcess
}

/** Starts a daemon for each directory of a view; they end when the stack is disposed of. */
export async function virtiofsExports(
  lab: Lab,
  { mounts, rootConfinement }: HostView,
  { socketDir, resources }: { socketDir: string; resources: AsyncDisposableStack },
): Promise<{ readonly exports: readonly Export[]; readonly daemons: readonly Daemon[] }> {
  const exports: Export[] = []
  const daemons: Daemon[] = []
  const daemon = virtiofsdPath(lab) ?? ''
  const isRust = !isCVirtiofsd(daemon)
  await mkdir(socketDir, { recursive: true, mode: 0o700 })
  if (rootConfinement.export)
    await mkdir(rootConfinement.export.dir, { recursive: true, mode: 0o700 })
  for (const { request, path, cached } of mounts) {
    const { tag } = request
    const socket = join(socketDir, `${tag}.sock`)
    const readOnly = request.mode !== 'rw'
    const own: Confinement = readOnly
      ? { binds: [{ from: path, at: path, readOnly }] }
      : { plainFiles: true }
    const process = resources.use(
      await startVirtiofsd({
        ...{ daemon, isRust },
        dir: path,
        socket,
        ...{ cached, readOnly },
        uid: lab.uid,
        confinement: request.target === 'root' ? rootConfinement : own,
        cacheDir: lab.paths.cache,
      }),
    )
    exports.push({ transport: 'virtiofs', tag, socket })
    const place = request.target === 'root' ? '/' : request.target.path
    daemons.push({ what: `virtiofsd, which serves ${place}`, process })
  }
  return { exports, daemons }
}
