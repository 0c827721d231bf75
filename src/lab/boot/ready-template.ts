import { copyFile, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'

import {
  formatBytes,
  InfraError,
  isNoRoom,
  Interrupted,
  interruptOf,
  messageOf,
  systemProblem,
} from '../../base/index.ts'
import { Agent } from '../../guest/index.ts'
import { BootFailure, type BootSpec } from '../../vm/index.ts'
import { templateCards } from '../net/network.ts'
import { writeInitramfs } from './boot-initramfs.ts'
import { reachOrAsk } from './boot-reach.ts'
import { slottedExports, specOf, startQemu, type Scene } from './scene.ts'
import type { Template, TemplateStore } from './templates.ts'

/** A template that is there now. */
export interface ReadyTemplate {
  readonly template: Template
  readonly isNew: boolean
}

/**
 * The template of a key, made if it is not there. Undefined, and said, when it cannot be made: a VM can do without. Throws what a boot
 * throws, when it is the kernel that does not come up.
 */
export async function readyTemplate(
  scene: Scene,
  store: TemplateStore,
  key: string,
): Promise<ReadyTemplate | undefined> {
  const { lab, hooks } = scene
  const { onEvent } = hooks
  const found = await store.look(key)
  if (found.kind === 'intact') {
    const why = await whyNotCloned(found.template)
    if (why === undefined) return { template: found.template, isNew: false }
    onEvent({ kind: 'template', key, action: 'impossible', why })
    return undefined
  }
  if (found.kind === 'damaged')
    onEvent({ kind: 'template', key, action: 'discarded', why: found.why })
  if ((await store.refusal(key)) !== undefined) return undefined
  try {
    const message = 'another klab makes this template; waiting for it'
    const made = await store.make(key, (dir) => fillTemplate(scene, dir), {
      onWait: () => onEvent({ kind: 'note', message }),
      signal: hooks.stop,
    })
    if (!made.isNew) return made
    onEvent({ kind: 'template', key, action: 'made', why: '' })
    await store.prune(lab.config.limits.templates).catch(() => [])
    return made
  } catch (error) {
    if (hooks.stop.aborted) throw new Interrupted(interruptOf(hooks.stop))
    const why = whyNone(error)
    if (why === undefined) throw error
    if (isLasting(error)) await store.refuse(key, why)
    onEvent({ kind: 'template', key, action: 'impossible', why })
    return undefined
  }
}

/** Why a VM has to do without a template; undefined where the VM itself is at fault, and would not boot either. */
function whyNone(error: unknown): string | undefined {
  if (error instanceof BootFailure) return undefined
  if (error instanceof InfraError || isNoRoom(error))
    return `no template can be made: ${systemProblem(error) ?? messageOf(error)}`
  return undefined
}

/** QEMU has said that it cannot, and will say so again. */
function isLasting(error: unknown): boolean {
  return error instanceof InfraError && error.code === 'FREEZE'
}

/** What is booted to be frozen in a directory: all that clones differ in is left out of it. */
export function templateSpec(scene: Scene, dir: string): BootSpec {
  const { accelerator } = scene.decision
  return specOf(scene, {
    exports: slottedExports(scene, dir).map((one) => ({ ...one, path: dir, readOnly: true })),
    memory: { kind: 'file', path: join(dir, 'memory'), share: true },
    net: templateCards(scene.request.vm.networks),
    // How virtual CPUs take turns is no part of a VM's state.
    accelerator: accelerator.kind === 'tcg' ? { ...accelerator, inTurns: false } : accelerator,
  })
}

/** Boots until the agent answers and nothing is mounted, and freezes that. */
async function fillTemplate(scene: Scene, dir: string) {
  const { request, decision } = scene
  const startedAt = performance.now()
  await checkRoom(dir)
  const initrd = await writeInitramfs(scene.lab, request, { plan: decision.plan, dirs: [dir] })
  const spec = { ...templateSpec(scene, dir), initrd }
  await using vm = await startQemu(scene, spec, { confinement: {}, socketDir: 'template' })
  const agent = new Agent(vm.agentSocket)
  const { release, notes } = await reachOrAsk({ scene, vm }, 'agent', agent.ready()).catch(
    (error: unknown) => {
      throw asNoRoom(error, dir)
    },
  )
  await vm.freeze(join(dir, 'state'))
  vm.kill()
  vm.console.close()
  await vm.ended
  await copyFile(vm.console.path, join(dir, 'console.log'))
  await rm(initrd)
  return {
    ...{ kernel: request.kernel.origin, release, notes, machine: decision.machine },
    accelerator: decision.accelerator.kind,
    madeMs: Math.round(performance.now() - startedAt),
  }
}

/** What the smallest guests touch until their agent answers; a full disk ends QEMU when they do (SIGBUS). */
const LEAST_ROOM = 64 * 1024 * 1024

async function checkRoom(dir: string): Promise<void> {
  const { bavail, bsize } = await statfs(dir)
  if (bavail * bsize < LEAST_ROOM)
    throw noRoom(dir, `${formatBytes(bavail * bsize)} are free there`)
}

/** TMPFS_MAGIC of linux/magic.h. */
const TMPFS = 0x01021994

/** A clone maps the memory privately, and what it only reads of it takes space in a tmpfs all the same (mm/shmem.c fills holes); nowhere else. */
async function whyNotCloned({ dir }: Template): Promise<string | undefined> {
  const { type, bavail, bsize } = await statfs(dir)
  if (type !== TMPFS || bavail * bsize >= LEAST_ROOM) return undefined
  return noRoom(dir, `${formatBytes(bavail * bsize)} are free there`).message
}

/** A guest that has no memory behind its addresses any more has not failed by itself. */
function asNoRoom(error: unknown, dir: string): unknown {
  const isIt = error instanceof BootFailure && error.qemuEnd === 'killed by SIGBUS'
  return isIt ? noRoom(dir, 'QEMU was ended by SIGBUS when it wrote there') : error
}

function noRoom(dir: string, seen: string): InfraError {
  return new InfraError(
    'FULL',
    `there is no space left for the guest's memory in ${dir}: ${seen}; klab template prune and klab kernel clean make room`,
  )
}
