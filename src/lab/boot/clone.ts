import { copyFile, rm } from 'node:fs/promises'
import { join } from 'node:path'

import { InfraError } from '../../base/index.ts'
import { Agent, AGENT } from '../../guest/index.ts'
import { nativeProgram } from '../../host/index.ts'
import { BootFailure, type BootSpec } from '../../vm/index.ts'
import { templateCards } from '../net/network.ts'
import type { Booted } from './booted.ts'
import { writeInitramfs } from './boot-initramfs.ts'
import { reachOrAsk } from './boot-reach.ts'
import type { Snapshot } from './boot-request.ts'
import { cloneObstacle } from './clone-obstacle.ts'
import { bringUp } from './enter.ts'
import { emptyPlace, slottedExports, specOf, startQemu, type Scene } from './scene.ts'
import { templateKey, TemplateStore, type Template } from './templates.ts'

/** A clone of the template of this request, made now if need be; undefined when there cannot be one. */
export async function cloneTemplate(scene: Scene): Promise<Booted | undefined> {
  const { lab, request, decision, hooks } = scene
  const cannot = cloneObstacle(scene)
  if (cannot !== undefined) {
    if (cannot !== '')
      hooks.onEvent({ kind: 'template', key: '', action: 'impossible', why: cannot })
    return undefined
  }
  const store = new TemplateStore(lab)
  const agentPath = await nativeProgram(AGENT, lab.paths.cache)
  const key = await templateKey(templateSpec(scene, '/template'), request.kernel, {
    agent: agentPath,
    modules: decision.plan.modules,
  })
  for (let attempt = 0; attempt < 2; attempt++) {
    const made = await readyTemplate(scene, store, key)
    if (!made) return undefined
    try {
      return await clone(scene, made)
    } catch (error) {
      if (!(error instanceof BootFailure) || error.phase === 'root') throw error
      // It may have been evicted, damaged, or never have been good: the next one is new.
      await store.remove(key)
      hooks.onEvent({ kind: 'template', key, action: 'discarded', why: error.reason })
    }
  }
  return undefined
}

/** Goes on from a snapshot. Throws BootFailure when QEMU does not take it. */
export async function takeUp(scene: Scene, { dir, layout }: Snapshot): Promise<Booted> {
  const change = {
    ...(layout === 'template' && {
      exports: slottedExports(scene, await emptyPlace(scene)),
      memory: { kind: 'own' } as const,
    }),
    incoming: true,
  }
  const frozen = {
    statePath: join(dir, 'state'),
    withoutMemory: false,
    consolePath: join(dir, 'console.log'),
    isHeard: true,
  }
  const { rootConfinement: confinement } = scene.view
  // What it has mounted, it has mounted.
  return await bringUp(scene, change, { confinement, frozen, layout, mounts: [] })
}

/** The template, made if it is not there; undefined, and said once, when it cannot be made. */
async function readyTemplate(
  scene: Scene,
  store: TemplateStore,
  key: string,
): Promise<{ template: Template; isNew: boolean } | undefined> {
  const { lab, hooks } = scene
  const { onEvent } = hooks
  const found = await store.find(key)
  if (found) return { template: found, isNew: false }
  if ((await store.refusal(key)) !== undefined) return undefined
  try {
    const message = 'another klab makes this template; waiting for it'
    const made = await store.make(key, (dir) => fillTemplate(scene, dir), {
      onWait: () => onEvent({ kind: 'note', message }),
      signal: hooks.stop,
    })
    if (made.isNew) {
      onEvent({ kind: 'template', key, action: 'made', why: '' })
      await store.prune(lab.config.limits.templates)
    }
    return made
  } catch (error) {
    if (!(error instanceof InfraError && error.code === 'FREEZE')) throw error
    const why = await store.refuse(key, error)
    onEvent({ kind: 'template', key, action: 'impossible', why })
    return undefined
  }
}

/** What is booted to be frozen in a directory: all that clones differ in is left out of it. */
function templateSpec(scene: Scene, dir: string): BootSpec {
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
  const initrd = await writeInitramfs(scene.lab, request, { plan: decision.plan, dir })
  const spec = { ...templateSpec(scene, dir), initrd }
  await using vm = await startQemu(scene, spec, { confinement: {}, socketDir: 'template' })
  const agent = new Agent(vm.agentSocket)
  const { release, notes } = await reachOrAsk({ scene, vm }, 'agent', agent.ready())
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

async function clone(
  scene: Scene,
  { template, isNew }: { template: Template; isNew: boolean },
): Promise<Booted> {
  const { view } = scene
  const { dir, facts } = template
  const change = {
    exports: slottedExports(scene, await emptyPlace(scene)),
    memory: { kind: 'file', path: join(dir, 'memory'), share: false } as const,
    incoming: true,
  }
  const frozen = {
    statePath: join(dir, 'state'),
    withoutMemory: true,
    consolePath: join(dir, 'console.log'),
    isHeard: isNew,
  }
  const confinement = view.rootConfinement
  const knownNotes = facts.notes
  return await bringUp(scene, change, { confinement, frozen, knownNotes, layout: 'template' })
}
