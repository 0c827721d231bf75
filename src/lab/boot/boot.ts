import { randomBytes } from 'node:crypto'
import { copyFile, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

import { InfraError } from '../../base/index.ts'
import { Agent, AGENT, type AgentFacts } from '../../guest/index.ts'
import { nativeProgram, type Confinement } from '../../host/index.ts'
import {
  BootFailure,
  carryObstacle,
  startVm,
  type Accelerator,
  type BootSpec,
  type FrozenState,
  type Vm,
} from '../../vm/index.ts'
import {
  checkParameters,
  decideBoot,
  type BootDecision,
  type BootRequest,
  type Layout,
  type Snapshot,
} from './boot-plan.ts'
import type { Lab } from '../session/context.ts'
import { displayAddress } from './display.ts'
import type { OnEvent } from '../outcome/events.ts'
import {
  enterNetwork,
  networkFiles,
  prepareNetwork,
  TEMPLATE_CARD,
  type Network,
} from '../net/network.ts'
import {
  nineExports,
  planView,
  virtiofsExports,
  withSlots,
  type HostView,
  type PlannedMount,
} from '../host-view/exports.ts'
import { writeInitramfs } from './boot-initramfs.ts'
import { reachAgent, reachOrAsk } from './boot-reach.ts'
import { copyShareIn } from '../host-view/share-copy.ts'
import { templateKey, TemplateStore, type Template } from './templates.ts'

/** A VM whose agent answers and whose root and shares are mounted. */
export interface Booted extends AsyncDisposable {
  readonly vm: Vm
  readonly agent: Agent
  readonly accelerator: Accelerator
  readonly slowness: number
  readonly copiesShares: boolean
  /** A snapshot of it can only be taken up by a VM of the same layout. */
  readonly layout: Layout
}

/** Brings a kernel as far as the command: a clone of its template where there can be one. Throws BootFailure or InfraError; nothing is left behind then. */
export async function boot(lab: Lab, request: BootRequest, onEvent: OnEvent): Promise<Booted> {
  await using resources = new AsyncDisposableStack()
  // Whatever is made in it on the way: a template's sockets, the place of the root.
  resources.defer(() => rm(join(lab.paths.runtime, request.id), { recursive: true, force: true }))
  const decision = await decideBoot(lab, request, { resources, onEvent })
  const { copiesShares } = decision
  const mounted = copiesShares ? { ...request, shares: [] } : request
  const view = planView(lab, mounted, decision.plan.transport)
  const { net } = request
  const network =
    net.kind === 'none'
      ? undefined
      : await prepareNetwork(lab, net, { name: hostname(request), resources, onEvent })
  const scene: Scene = { lab, request, decision, view, network, onEvent }
  checkParameters(specOf(scene, {}))
  const booted = resources.use(
    request.snapshot
      ? await takeUp(scene, request.snapshot)
      : ((await cloneTemplate(scene)) ?? (await bootCold(scene))),
  )
  if (copiesShares) {
    onEvent({ kind: 'note', message: 'the kernel can mount no share: they are copied in' })
    for (const share of request.shares) await copyShareIn(booted.agent, share)
  }
  const owned = resources.move()
  return { ...booted, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

function hostname({ id, name }: BootRequest): string {
  return name ?? `klab-${id}`
}

/** What the steps of a boot share. */
interface Scene {
  readonly lab: Lab
  readonly request: BootRequest
  readonly decision: BootDecision
  readonly view: HostView
  readonly network: Network | undefined
  readonly onEvent: OnEvent
}

async function bootCold(scene: Scene): Promise<Booted> {
  const { lab, request, decision, view } = scene
  await using resources = new AsyncDisposableStack()
  const socketDir = join(lab.paths.runtime, request.id)
  const byNineP = decision.plan.transport === '9p'
  const exports = byNineP
    ? nineExports(view)
    : await virtiofsExports(lab, view, { socketDir, resources })
  const initrd = await writeInitramfs(lab, request, { plan: decision.plan, dir: request.runDir })
  const confinement = byNineP ? view.rootConfinement : {}
  const booted = resources.use(
    await bringUp(scene, specOf(scene, { exports, initrd }), { confinement, layout: 'plain' }),
  )
  const address = decision.display && displayAddress(decision.display)
  if (address !== undefined)
    scene.onEvent({ kind: 'note', message: `the display is at ${address}` })
  const owned = resources.move()
  return { ...booted, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/** Starts a VM and makes it this run's own. */
async function bringUp(
  scene: Scene,
  spec: BootSpec,
  parts: {
    readonly confinement: Confinement
    readonly layout: Layout
    readonly frozen?: FrozenState
    /** Those of the view when absent. */
    readonly mounts?: readonly PlannedMount[]
    readonly knownNotes?: readonly string[]
  },
): Promise<Booted> {
  const { layout, mounts = scene.view.mounts, knownNotes = [] } = parts
  const { accelerator, slowness, copiesShares } = scene.decision
  await using resources = new AsyncDisposableStack()
  const vm = resources.use(await start(scene, spec, parts))
  const agent = new Agent(vm.agentSocket)
  await enter(scene, { vm, agent, mounts, knownNotes, isClone: parts.frozen !== undefined })
  const owned = resources.move()
  return {
    ...{ vm, agent, accelerator, slowness, copiesShares, layout },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** A clone of the template of this request, made now if need be; undefined when there cannot be one. */
async function cloneTemplate(scene: Scene): Promise<Booted | undefined> {
  const { lab, request, decision, onEvent } = scene
  const cannot = templateObstacle(scene)
  if (cannot !== undefined) {
    if (cannot !== '') onEvent({ kind: 'template', key: '', action: 'impossible', why: cannot })
    return undefined
  }
  const store = new TemplateStore(lab)
  const agentPath = await nativeProgram(AGENT, lab.paths.cache)
  const key = await templateKey(templateSpec(scene, '/template'), request, {
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
      onEvent({ kind: 'template', key, action: 'discarded', why: error.reason })
    }
  }
  return undefined
}

/** Why no template is used: empty when that is as the user wants it. */
function templateObstacle({ lab, request, decision, view }: Scene): string | undefined {
  if (request.fresh || request.hold || request.agentPath !== undefined || !lab.config.run.templates)
    return ''
  if (decision.plan.transport === 'virtiofs' && view.mounts.length > 0)
    return request.machine.transport === 'virtiofs'
      ? 'a virtiofs device cannot be carried over'
      : 'its kernel has no 9p, and a virtiofs device cannot be carried over'
  if (decision.display) return 'a display cannot be carried over'
  if (request.net.kind === 'bridge') return 'its card depends on the bridge'
  return carryObstacle(decision.machine, 'template')
}

/** The template, made if it is not there; undefined, and said once, when it cannot be made. */
async function readyTemplate(
  scene: Scene,
  store: TemplateStore,
  key: string,
): Promise<{ template: Template; isNew: boolean } | undefined> {
  const { lab, onEvent } = scene
  const found = await store.find(key)
  if (found) return { template: found, isNew: false }
  if ((await store.refusal(key)) !== undefined) return undefined
  try {
    const made = await store.make(
      key,
      (dir) => fillTemplate(scene, dir),
      () => onEvent({ kind: 'note', message: 'another klab makes this template; waiting for it' }),
    )
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
    ...(scene.network && { net: [TEMPLATE_CARD] }),
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
  await using vm = await start(scene, spec, { confinement: {}, socketDir: 'template' })
  const agent = new Agent(vm.agentSocket)
  const { release, notes } = await reachOrAsk(stuckFacts(scene, vm), 'agent', agent.ready())
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
  const { lab, request, view } = scene
  const { dir, facts } = template
  const empty = join(lab.paths.runtime, request.id)
  const spec = specOf(scene, {
    exports: slottedExports(scene, empty),
    memory: { kind: 'file', path: join(dir, 'memory'), share: false },
    incoming: true,
  })
  const frozen = {
    statePath: join(dir, 'state'),
    withoutMemory: true,
    consolePath: join(dir, 'console.log'),
    isHeard: isNew,
  }
  const confinement = view.rootConfinement
  const knownNotes = facts.notes
  return await bringUp(scene, spec, { confinement, frozen, knownNotes, layout: 'template' })
}

/** Goes on from a snapshot. Throws BootFailure when QEMU does not take it. */
async function takeUp(scene: Scene, { dir, layout }: Snapshot): Promise<Booted> {
  const spec = specOf(scene, {
    ...(layout === 'template' && {
      exports: slottedExports(scene, dir),
      memory: { kind: 'own' } as const,
    }),
    incoming: true,
  })
  const frozen = {
    statePath: join(dir, 'state'),
    withoutMemory: false,
    consolePath: join(dir, 'console.log'),
    isHeard: true,
  }
  const { rootConfinement: confinement } = scene.view
  // What it has mounted, it has mounted.
  return await bringUp(scene, spec, { confinement, frozen, layout, mounts: [] })
}

function slottedExports({ request, view }: Scene, empty: string) {
  return withSlots(nineExports(view), { hasRoot: request.machine.root === 'host', empty })
}

function specOf({ request, decision, network }: Scene, change: Partial<BootSpec>): BootSpec {
  const { qemu, machine, accelerator, parameters, display } = decision
  const { pvpanic, vmcoreinfo, sandbox } = decision
  return {
    ...{ qemu, machine, accelerator, parameters, pvpanic, vmcoreinfo, sandbox },
    image: request.kernel.image,
    exports: [],
    net: network ? [network.card] : [],
    ...(display && { display }),
    ...(request.hold && { hold: true }),
    ...change,
  }
}

async function start(
  { lab, request, decision, network, onEvent }: Scene,
  spec: BootSpec,
  parts: { confinement: Confinement; frozen?: FrozenState; socketDir?: string },
): Promise<Vm> {
  const { confinement } = parts
  // Made here and not once: it goes with each VM.
  if (confinement.export) await mkdir(confinement.export.dir, { recursive: true, mode: 0o700 })
  const vm = await startVm({
    spec,
    runDir: request.runDir,
    socketDir: join(lab.paths.runtime, request.id, parts.socketDir ?? ''),
    confinement: {
      ...confinement,
      lock: join(request.runDir, 'lock'),
      ...(network?.tap && { tap: network.tap }),
    },
    cacheDir: lab.paths.cache,
    slowness: decision.slowness,
    bootTimeoutMs: request.machine.bootTimeout * decision.slowness,
    consoleReaders: request.consoleReaders,
    onPhase: (phase, ms) => onEvent({ kind: 'phase', phase, ms }),
    onConsoleLost: (message) => onEvent({ kind: 'note', message }),
    ...(request.onPanic && { onPanic: request.onPanic }),
    ...(parts.frozen && { frozen: parts.frozen }),
  })
  const { stop } = request
  // Whoever waits for it waits for its end then.
  if (stop?.aborted) vm.kill()
  else stop?.addEventListener('abort', () => vm.kill(), { once: true })
  return vm
}

/** Makes the guest this run's own: its clock, its random numbers, its name, its root and shares. */
async function enter(
  scene: Scene,
  parts: {
    readonly vm: Vm
    readonly agent: Agent
    readonly mounts: readonly PlannedMount[]
    readonly knownNotes: readonly string[]
    readonly isClone: boolean
  },
): Promise<void> {
  const { vm, agent, mounts, knownNotes, isClone } = parts
  const { request, network, onEvent } = scene
  // All in one go; the agent answers in this order.
  const ready = agent.ready()
  agent.greet(hostname(request), randomBytes(256), Date.now())
  const hasFiles = request.machine.root === 'host'
  const settled = Promise.all([
    ...mounts.map(({ request: mount }) =>
      agent.mount(mount.target === 'root' ? { ...mount, files: ownFiles(scene) } : mount),
    ),
    network && enterNetwork(agent, network, { hostname: hostname(request), hasFiles }),
  ])
  settled.catch(() => undefined)
  if (!scene.decision.copiesShares) request.onEntering?.(agent)
  // A clone that does not answer has a bad template, and another is tried.
  const { notes }: AgentFacts = isClone
    ? await reachAgent(vm, 'agent', ready)
    : await reachOrAsk(stuckFacts(scene, vm), 'agent', ready)
  for (const note of notes)
    if (!knownNotes.includes(note)) onEvent({ kind: 'note', message: `guest: ${note}` })
  await reachOrAsk(stuckFacts(scene, vm), 'root', settled)
}

/** What the guest's copy of this machine has of its own: two VMs with the host's machine id (machine-id(5)) would be one. */
function ownFiles({ request, network }: Scene): Map<string, string> {
  return new Map([
    ['etc/machine-id', `${randomBytes(16).toString('hex')}\n`],
    ...(network ? networkFiles(network, hostname(request)) : []),
  ])
}

function stuckFacts({ lab, request, decision, onEvent }: Scene, vm: Vm) {
  return { ...{ lab, request, vm, onEvent }, slowness: decision.slowness }
}
