import { rm } from 'node:fs/promises'
import { join } from 'node:path'

import { copyShareIn } from '../host-view/share-copy.ts'
import { confinementFor, nineExports, planView, virtiofsExports } from '../host-view/exports.ts'
import { hiddenBy } from '../host-view/rules.ts'
import { prepareNetwork, type Network } from '../net/network.ts'
import type { Lab } from '../session/context.ts'
import type { Booted } from './booted.ts'
import { writeInitramfs } from './boot-initramfs.ts'
import type { BootHooks, BootRequest } from './boot-request.ts'
import { cloneTemplate, takeUp } from './clone.ts'
import { checkParameters, decideBoot } from './decision.ts'
import { displayAddress } from './display.ts'
import { bringUp } from './enter.ts'
import { specOf, type Scene } from './scene.ts'

/** Brings a kernel as far as the command: a clone of its template where there can be one. Throws BootFailure or InfraError; nothing is left behind then. */
export async function boot(lab: Lab, request: BootRequest, hooks: BootHooks): Promise<Booted> {
  await using resources = new AsyncDisposableStack()
  const { onEvent } = hooks
  // Whatever is made in it on the way: a template's sockets, the place of the root.
  const ownDir = join(lab.paths.runtime, request.id)
  // Somebody who looks into a VM may make something in it at its last moment.
  resources.defer(() => rm(ownDir, { recursive: true, force: true, maxRetries: 5 }))
  const decision = await decideBoot(lab, request, { resources, onEvent })
  const { copiesShares, machine } = decision
  if (machine.qemuArgs.length > 0)
    onEvent({
      kind: 'note',
      message: `unsupported: QEMU gets arguments that klab knows nothing of: ${machine.qemuArgs.join(' ')}`,
    })
  const { vm } = request
  const viewer = { id: request.id, root: vm.root, shares: vm.shares, copiesShares }
  const scene: Scene = {
    ...{ lab, request, hooks, decision },
    view: planView(lab, viewer, decision.plan.transport),
    networks: networksOnce(lab, request, { resources, onEvent }),
  }
  checkParameters(specOf(scene, {}))
  const booted = resources.use(
    request.snapshot
      ? await takeUp(scene, request.snapshot)
      : ((await cloneTemplate(scene)) ?? (await bootCold(scene))),
  )
  if (copiesShares) {
    onEvent({ kind: 'note', message: 'the kernel can mount no share: they are copied in' })
    const isHidden = hiddenBy(scene.view.rules)
    for (const share of vm.shares) await copyShareIn(await booted.boots.untilUp(), share, isHidden)
  }
  const owned = resources.move()
  return { ...booted, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/** Prepares the networks of a VM the first time they are asked for. */
function networksOnce(
  lab: Lab,
  { vm, hostname }: BootRequest,
  { resources, onEvent }: { resources: AsyncDisposableStack } & Pick<BootHooks, 'onEvent'>,
): () => Promise<readonly Network[]> {
  let prepared: Promise<readonly Network[]> | undefined
  return () => {
    prepared ??= Promise.all(
      vm.networks.map((net) => prepareNetwork(lab, net, { name: hostname, resources, onEvent })),
    )
    return prepared
  }
}

async function bootCold(scene: Scene): Promise<Booted> {
  const { lab, request, decision, view, hooks } = scene
  await using resources = new AsyncDisposableStack()
  const socketDir = join(lab.paths.runtime, request.id)
  const byNineP = decision.plan.transport === '9p'
  const served = byNineP
    ? { exports: nineExports(view), daemons: [] }
    : await virtiofsExports(lab, view, { socketDir, resources })
  const initrd = await writeInitramfs(lab, request, {
    plan: decision.plan,
    // What is in memory on most machines has room when the disk of the runs has none.
    dirs: [request.runDir, socketDir],
  })
  const confinement = byNineP ? confinementFor(view.rules, view.mounts) : {}
  const booted = resources.use(
    await bringUp(
      scene,
      { exports: served.exports, initrd },
      { confinement, layout: 'plain', daemons: served.daemons },
    ),
  )
  const address = decision.display && displayAddress(decision.display)
  if (address !== undefined)
    hooks.onEvent({ kind: 'note', message: `the display is at ${address}` })
  const owned = resources.move()
  return { ...booted, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}
