import { lstatSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'

import type { MountRequest } from '../../guest/index.ts'
import type { Confinement, LiveProcess, Rules, View } from '../../host/index.ts'
import { startVirtiofsd, type Export } from '../../vm/index.ts'
import { isCVirtiofsd, virtiofsdPath, type Lab } from '../session/context.ts'
import type { Share } from '../spec/shares.ts'
import type { Root } from '../spec/vm-spec.ts'
import { rulesOf } from './lab-rules.ts'
import { hasRulesIn, sievesOf } from './rules.ts'

/** A host directory on its way into the guest. */
export interface PlannedMount {
  readonly request: MountRequest
  /** What is served: the directory itself, or the place of a view of it. */
  readonly path: string
  readonly view?: View
  readonly cached: boolean
}

/** The agent gives msize to 9p up to what virtio's ring carries (PAGE_SIZE * (VIRTQUEUE_NUM - 3), net/9p/trans_virtio.c). */
const NINE_P_OPTIONS = 'trans=virtio,version=9p2000.L,msize=512000,access=any'

/** Everything that a VM sees of this machine: root first, then the shares in their order. */
export interface HostView {
  readonly mounts: readonly PlannedMount[]
  readonly rules: Rules
}

/** Whose view is planned: a VM with its root and shares. */
export interface Viewer {
  readonly id: string
  readonly root: Root
  readonly shares: readonly Share[]
  /** They are not mounted, but copied. */
  readonly copiesShares: boolean
}

/** Plans what the guest sees of this machine. Throws InfraError for a share of what no guest sees. */
export function planView(
  lab: Lab,
  { id, root: asked, shares: wanted, copiesShares }: Viewer,
  transport: '9p' | 'virtiofs',
): HostView {
  const rules = rulesOf(
    lab,
    wanted.map(({ host }) => host),
  )
  const shares = copiesShares ? [] : wanted
  const dir = (name: string) => join(lab.paths.runtime, id, name)
  const options = (cache: 'loose' | 'none') =>
    transport === '9p' ? `${NINE_P_OPTIONS},cache=${cache}` : ''
  const root: PlannedMount = {
    ...mountOf(rules, { from: '/', at: dir('root'), mode: 'cow' }),
    cached: true,
    request: { transport, tag: ROOT_TAG, target: 'root', mode: 'cow', options: options('loose') },
  }
  const shared = shares.map(({ mode, host, guest, cached }, index): PlannedMount => ({
    ...mountOf(rules, { from: host, at: dir(shareTag(index)), mode }),
    cached,
    request: {
      ...{ transport, tag: shareTag(index), target: { path: guest }, mode },
      options: options(cached ? 'loose' : 'none'),
    },
  }))
  return { mounts: asked.kind === 'host' ? [root, ...shared] : shared, rules }
}

/** A directory as it is where nothing is hidden in it; a view of it otherwise. */
function mountOf(
  rules: Rules,
  { from, at, mode }: { readonly from: string; readonly at: string; readonly mode: Share['mode'] },
): Pick<PlannedMount, 'path' | 'view'> {
  if (!hasRulesIn(rules, from)) return { path: from }
  const sieves = () =>
    sievesOf(rules, from, (path) => lstatSync(path, QUIETLY)?.isDirectory() ?? false)
  const access: View['access'] =
    mode === 'rw' ? { kind: 'rw', sieves: sieves() } : { kind: 'read-only' }
  return { path: at, view: { from, at, access } }
}

const QUIETLY = { throwIfNoEntry: false } as const

/** For whoever serves some of the mounts: QEMU itself with 9p, a daemon each with virtiofs. */
export function confinementFor(rules: Rules, mounts: readonly PlannedMount[]): Confinement {
  const views = mounts.flatMap(({ view }) => (view ? [view] : []))
  // What the host mounts in a share meanwhile would be seen.
  return mounts.length === 0 ? {} : { isApart: true, rules, views }
}

/** Makes the places for the views. */
export async function makePlaces({ views = [] }: Confinement): Promise<void> {
  for (const { at } of views) await mkdir(at, { recursive: true, mode: 0o700 })
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
  { mounts, rules }: HostView,
  { socketDir, resources }: { socketDir: string; resources: AsyncDisposableStack },
): Promise<{ readonly exports: readonly Export[]; readonly daemons: readonly Daemon[] }> {
  const exports: Export[] = []
  const daemons: Daemon[] = []
  const daemon = virtiofsdPath(lab) ?? ''
  const isRust = !isCVirtiofsd(daemon)
  await mkdir(socketDir, { recursive: true, mode: 0o700 })
  for (const mount of mounts) {
    const { request, path, cached, view } = mount
    const { tag } = request
    const socket = join(socketDir, `${tag}.sock`)
    const readOnly = request.mode !== 'rw'
    const confinement: Confinement = {
      ...confinementFor(rules, [mount]),
      ...(readOnly && !view && { binds: [{ from: path, at: path, readOnly }] }),
      ...(!readOnly && { plainFiles: true }),
    }
    await makePlaces(confinement)
    const process = resources.use(
      await startVirtiofsd({
        ...{ daemon, isRust },
        dir: path,
        socket,
        ...{ cached, readOnly },
        uid: lab.uid,
        confinement,
        cacheDir: lab.paths.cache,
      }),
    )
    exports.push({ transport: 'virtiofs', tag, socket })
    const place = request.target === 'root' ? '/' : request.target.path
    daemons.push({ what: `virtiofsd, which serves ${place}`, process })
  }
  return { exports, daemons }
}
