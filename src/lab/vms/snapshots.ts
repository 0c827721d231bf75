import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'

import { carryObstacle } from '../../vm/index.ts'
import {
  hasFields,
  InfraError,
  messageOf,
  nearest,
  newId,
  tryDecodeJson,
  UsageError,
} from '../../base/index.ts'
import { noteIn } from '../../host/index.ts'
import type { Layout, Snapshot } from '../boot/boot-request.ts'
import type { Lab } from '../session/context.ts'
import type { Paths } from '../session/paths.ts'
import type { OnEvent } from '../outcome/events.ts'
import { askFor } from './control.ts'
import { endVm } from './end-vm.ts'
import { VmRegistry, type NamedVm } from './registry.ts'
import { bringUp } from './start.ts'
import type { VmRecord } from './vm-record.ts'

export interface SnapshotFacts {
  readonly name: string
  readonly layout: Layout
  readonly createdAt: string
  readonly bytes: number
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/
const FACTS = 'snapshot.json'

/** Writes a running VM down as it is, memory and all; it goes on. Throws InfraError when its devices do not allow it. */
export async function takeSnapshot(
  paths: Paths,
  vm: NamedVm,
  name: string,
): Promise<SnapshotFacts> {
  if (!NAME.test(name))
    throw new UsageError(`${JSON.stringify(name)} cannot be the name of a snapshot`)
  const dir = join(snapshotsDir(paths, vm), name)
  if (existsSync(dir))
    throw new InfraError(
      'SNAPSHOT',
      `${vm.name} has a snapshot ${name} already; klab snapshot rm ${vm.name} ${name}`,
    )
  const making = `${dir}.making-${process.pid}`
  mkdirSync(making, { recursive: true, mode: 0o700 })
  try {
    const layout = await freezeTo(paths, vm, making)
    const facts = {
      ...{ name, layout, createdAt: new Date().toISOString() },
      bytes: statSync(join(making, 'state')).size,
    }
    writeFileSync(join(making, FACTS), JSON.stringify(facts))
    await rename(making, dir)
    return facts
  } catch (error) {
    await rm(making, { recursive: true, force: true })
    throw error
  }
}

async function freezeTo(paths: Paths, vm: NamedVm, dir: string): Promise<Layout> {
  const obstacle = carryObstacle(vm.request.vm.machine, 'snapshot')
  if (obstacle !== undefined)
    throw new InfraError('SNAPSHOT', `${vm.name} cannot be copied: ${obstacle}`)
  try {
    return await askFor(paths, vm, { request: { do: 'freeze', dir }, check: isLayout })
  } catch (error) {
    const why = messageOf(error)
    if (!/VirtFS|vhost-user|unmigratable|non-migratable/i.test(why)) throw error
    throw new InfraError(
      'SNAPSHOT',
      `${vm.name} sees directories of this machine, and QEMU cannot carry such a device over; VMs with --root none and without shares can be copied (${why})`,
      { cause: error },
    )
  }
}

/** Newest first; what is damaged is left out. */
export function listSnapshots(paths: Paths, vm: NamedVm): SnapshotFacts[] {
  const dir = snapshotsDir(paths, vm)
  if (!existsSync(dir)) return []
  return readdirSync(dir)
    .filter((name) => existsSync(join(dir, name, FACTS)))
    .flatMap((name) => tryDecodeJson(noteIn(join(dir, name, FACTS)), isFacts) ?? [])
    .toSorted((a, b) => b.createdAt.localeCompare(a.createdAt))
}

function isLayout(value: unknown): value is Layout {
  return value === 'template' || value === 'plain'
}

function isFacts(value: unknown): value is SnapshotFacts {
  const fields = { name: 'string', createdAt: 'string', bytes: 'number' } as const
  return hasFields(value, fields) && isLayout(value['layout'])
}

/** Removes a snapshot, also one that is damaged. */
export function removeSnapshot(paths: Paths, vm: NamedVm, name: string): void {
  const dir = join(snapshotsDir(paths, vm), name)
  // Says why there is none.
  if (!NAME.test(name) || !existsSync(dir)) getSnapshot(paths, vm, name)
  rmSync(dir, { recursive: true, force: true })
}

function getSnapshot(paths: Paths, vm: NamedVm, name: string): SnapshotFacts {
  const all = listSnapshots(paths, vm)
  const found = all.find((snapshot) => snapshot.name === name)
  if (found) return found
  const near = nearest(
    name,
    all.map((snapshot) => snapshot.name),
  )
  throw new InfraError(
    'SNAPSHOT',
    `${vm.name} has no snapshot ${name}; ${near ? `did you mean ${near}? ` : ''}klab snapshot ls ${vm.name} lists them`,
  )
}

/** How long to go on, and whom to tell. */
interface Parts {
  readonly signal: AbortSignal
  readonly onEvent: OnEvent
}

/** Ends what the VM does now and lets it go on from a snapshot. */
export async function restoreSnapshot(
  lab: Lab,
  { vm, snapshot }: { readonly vm: NamedVm; readonly snapshot: string },
  parts: Parts,
): Promise<NamedVm> {
  const { layout } = getSnapshot(lab.paths, vm, snapshot)
  if (vm.state !== 'stopped') await endVm(lab.paths, vm, { force: true })
  const registry = new VmRegistry(lab.paths)
  const dir = join(snapshotsDir(lab.paths, vm), snapshot)
  const next = nextLife(registry.get(vm.name), { dir, layout })
  registry.write(next)
  return await bringUp(lab, { ...next, name: vm.name }, parts)
}

/** Makes a second VM of a running one; both go on from the same moment. */
export async function forkVm(
  lab: Lab,
  { vm, wish }: { readonly vm: NamedVm; readonly wish: string | undefined },
  parts: Parts,
): Promise<NamedVm> {
  const registry = new VmRegistry(lab.paths)
  const name = wish ?? registry.freeName(vm.name)
  if (registry.find(name))
    throw new InfraError('VM', `there is a VM ${name} already; klab ps shows it`)
  const dir = join(lab.paths.state, 'vms', `fork-${newId()}`)
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  try {
    const layout = await freezeTo(lab.paths, vm, dir)
    const { name: _name, ...record } = vm
    const fork: VmRecord = {
      ...nextLife(record, { dir, layout }),
      id: newId(),
      request: { ...vm.request, name },
    }
    registry.add(name, fork)
    try {
      return await bringUp(lab, { ...fork, name }, parts)
    } catch (error) {
      registry.remove({ ...fork, name })
      throw error
    }
  } finally {
    // It is in memory now.
    await rm(dir, { recursive: true, force: true })
  }
}

function nextLife(record: VmRecord, snapshot: Snapshot): VmRecord {
  const { keeper: _keeper, qemu: _qemu, outcome: _outcome, endedAt: _endedAt, ...alive } = record
  const { published: _published, ...rest } = alive
  return {
    ...rest,
    snapshot,
    state: 'starting',
    runId: newId(),
    createdAt: new Date().toISOString(),
  }
}

function snapshotsDir(paths: Paths, { id }: { readonly id: string }): string {
  return join(new VmRegistry(paths).directory(id), 'snapshots')
}
