import { randomBytes } from 'node:crypto'

import { Agent, type AgentFacts } from '../../guest/index.ts'
import type { Confinement } from '../../host/index.ts'
import type { BootSpec, FrozenState, Vm } from '../../vm/index.ts'
import type { PlannedMount } from '../host-view/exports.ts'
import { enterNetworks, networkFiles, type Network } from '../net/network.ts'
import type { Booted } from './booted.ts'
import type { Layout } from './boot-request.ts'
import { reachAgent, reachOrAsk } from './boot-reach.ts'
import { specOf, startQemu, type Scene } from './scene.ts'

/** Starts a VM and makes it this run's own. Throws BootFailure or InfraError. */
export async function bringUp(
  scene: Scene,
  change: Partial<BootSpec>,
  parts: {
    readonly confinement: Confinement
    readonly layout: Layout
    readonly frozen?: FrozenState
    /** Those of the view when absent. */
    readonly mounts?: readonly PlannedMount[]
    /** Of its template: they were said when it was made. */
    readonly knownNotes?: readonly string[]
  },
): Promise<Booted> {
  const { layout, mounts = scene.view.mounts, knownNotes = [] } = parts
  const { accelerator, slowness, copiesShares } = scene.decision
  await using resources = new AsyncDisposableStack()
  const networks = await scene.networks()
  const tap = networks.find((network) => network.tap !== undefined)?.tap
  const confinement = { ...parts.confinement, ...(tap && { tap }) }
  const spec = specOf(scene, { ...change, net: networks.map(({ card }) => card) })
  const vm = resources.use(await startQemu(scene, spec, { ...parts, confinement }))
  const agent = new Agent(vm.agentSocket)
  const isClone = parts.frozen !== undefined
  await enter(scene, { vm, agent, networks, mounts, knownNotes, isClone })
  const owned = resources.move()
  return {
    ...{ vm, agent, accelerator, slowness, copiesShares, layout },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** Makes the guest this run's own: its clock, its random numbers, its name, its root and shares. */
async function enter(
  scene: Scene,
  parts: {
    readonly vm: Vm
    readonly agent: Agent
    readonly networks: readonly Network[]
    readonly mounts: readonly PlannedMount[]
    readonly knownNotes: readonly string[]
    readonly isClone: boolean
  },
): Promise<void> {
  const { vm, agent, networks, mounts, knownNotes, isClone } = parts
  const { request, hooks } = scene
  const { hostname } = request
  // All in one go; the agent answers in this order.
  const ready = agent.ready()
  agent.greet(hostname, randomBytes(256), Date.now())
  const hasFiles = request.vm.root.kind === 'host'
  const settled = Promise.all([
    ...mounts.map(({ request: mount }) =>
      agent.mount(
        mount.target === 'root' ? { ...mount, files: ownFiles(networks, hostname) } : mount,
      ),
    ),
    enterNetworks(agent, networks, { hostname, hasFiles, isClone }),
  ])
  settled.catch(() => undefined)
  if (!scene.decision.copiesShares) hooks.onEntering?.(agent)
  // A clone that does not answer has a bad template, and another is tried.
  const { notes }: AgentFacts = isClone
    ? await reachAgent(vm, 'agent', ready)
    : await reachOrAsk({ scene, vm }, 'agent', ready)
  for (const note of notes)
    if (!knownNotes.includes(note)) hooks.onEvent({ kind: 'note', message: `guest: ${note}` })
  await reachOrAsk({ scene, vm }, 'root', settled)
}

/** What the guest's copy of this machine has of its own: two VMs with the host's machine id (machine-id(5)) would be one. */
function ownFiles(networks: readonly Network[], hostname: string): Map<string, string> {
  return new Map([
    ['etc/machine-id', `${randomBytes(16).toString('hex')}\n`],
    ...networkFiles(networks, hostname),
  ])
}
