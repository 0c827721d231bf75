import { join } from 'node:path'

import { AGENT } from '../../guest/index.ts'
import { nativeProgram } from '../../host/index.ts'
import { BootFailure } from '../../vm/index.ts'
import { confinementFor } from '../host-view/exports.ts'
import type { Booted } from './booted.ts'
import type { Snapshot } from './boot-request.ts'
import { cloneObstacle } from './clone-obstacle.ts'
import { bringUp } from './enter.ts'
import { readyTemplate, templateSpec, type ReadyTemplate } from './ready-template.ts'
import { emptyPlace, slottedExports, type Scene } from './scene.ts'
import { templateKey, TemplateStore } from './templates.ts'

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
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const made = await readyTemplate(scene, store, key)
    if (!made) return undefined
    try {
      return await clone(scene, made)
    } catch (error) {
      if (hooks.stop.aborted || !isOfState(error)) throw error
      // Whoever ended QEMU, the template may be good.
      if (attempt === 0 && !error.isSilent) continue
      // It may have been evicted, damaged, or never have been good: the next one is new.
      await store.remove(key)
      hooks.onEvent({ kind: 'template', key, action: 'discarded', why: error.reason })
    }
  }
  return undefined
}

/** The same once more, and a new one. */
const ATTEMPTS = 3

/**
 * Whether a clone has failed after QEMU was there and before the guest was asked for anything of this run: then it is what was frozen that
 * may be at fault. Before, it is the command line or this machine (memory, a port that is taken); afterwards what the run asks for.
 */
function isOfState(error: unknown): error is BootFailure {
  return error instanceof BootFailure && (error.phase === 'restore' || error.phase === 'agent')
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
  const { rules, mounts: seen } = scene.view
  const confinement = confinementFor(rules, seen)
  // What it has mounted, it has mounted.
  return await bringUp(scene, change, { confinement, frozen, layout, mounts: [] })
}

async function clone(scene: Scene, { template, isNew }: ReadyTemplate): Promise<Booted> {
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
  const confinement = confinementFor(view.rules, view.mounts)
  const knownNotes = facts.notes
  return await bringUp(scene, change, { confinement, frozen, knownNotes, layout: 'template' })
}
