import { randomBytes } from 'node:crypto'

import type { Agent, AgentFacts } from '../../guest/index.ts'
import type { Confinement } from '../../host/index.ts'
import type { BootSpec, FrozenState, Reset, Vm } from '../../vm/index.ts'
import type { Daemon, PlannedMount } from '../host-view/exports.ts'
import { guestShadow } from '../host-view/guest-shadow.ts'
import { enterNetworks, networkFiles, type Network } from '../net/network.ts'
import type { Booted } from './booted.ts'
import { Boots } from './boots.ts'
import { lostDaemon } from './lost-daemon.ts'
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
    readonly daemons?: readonly Daemon[]
    /** Of its template: they were said when it was made. */
    readonly knownNotes?: readonly string[]
  },
): Promise<Booted> {
  const { layout, mounts = scene.view.mounts, daemons = [] } = parts
  const { accelerator, slowness, copiesShares } = scene.decision
  await using resources = new AsyncDisposableStack()
  const networks = await scene.networks()
  const tap = networks.find((network) => network.tap !== undefined)?.tap
  const confinement = { ...parts.confinement, ...(tap && { tap }) }
  const spec = specOf(scene, { ...change, net: networks.map(({ card }) => card) })
  let present: Boots | undefined
  const onReset = (_: Vm, reset: Reset) => present?.begin(reset)
  const vm = resources.use(await startQemu(scene, spec, { ...parts, confinement, onReset }))
  const knownNotes = new Set(parts.knownNotes)
  const machineId = randomBytes(16).toString('hex')
  const boots = new Boots(vm, {
    enter: (agent, { isFirst, over }) => {
      const isClone = isFirst && parts.frozen !== undefined
      return enter(scene, {
        vm,
        agent,
        networks,
        mounts,
        knownNotes,
        machineId,
        isClone,
        isFirst,
        over,
      })
    },
    onReboot: (way) => scene.hooks.onEvent({ kind: 'reboot', way }),
    onCrash: scene.hooks.onReset,
  })
  present = boots
  await Promise.race([boots.untilUp(), unserved(vm, daemons)])
  const owned = resources.move()
  return {
    ...{ vm, boots, accelerator, slowness, daemons, copiesShares, layout },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** Throws BootFailure when a daemon ends while the guest comes up. */
async function unserved(vm: Vm, daemons: readonly Daemon[]): Promise<never> {
  throw vm.failureBecause(await lostDaemon(vm, daemons))
}

/** Makes the guest this run's own: its clock, its random numbers, its name, its root and shares. */
async function enter(
  scene: Scene,
  parts: {
    readonly vm: Vm
    readonly agent: Agent
    readonly networks: readonly Network[]
    readonly mounts: readonly PlannedMount[]
    /** Each is said once. */
    readonly knownNotes: Set<string>
    /** The same in each boot. */
    readonly machineId: string
    readonly isClone: boolean
    readonly isFirst: boolean
    /** Rejects when the guest has begun anew meanwhile. */
    readonly over: Promise<never>
  },
): Promise<void> {
  const { vm, agent, networks, mounts, knownNotes, isClone, isFirst, over } = parts
  const { request, hooks } = scene
  const { hostname } = request
  // All in one go; the agent answers in this order.
  const ready = agent.ready()
  agent.greet(hostname, randomBytes(256), Date.now())
  const files = new Map([
    // Two VMs with the host's machine id (machine-id(5)) would be one.
    ['etc/machine-id', `${parts.machineId}\n`],
    ['etc/shadow', guestShadow()],
    ...networkFiles(networks, hostname),
  ])
  const hasFiles = request.vm.root.kind === 'host'
  const settled = Promise.all([
    ...mounts.map(({ request: mount }) =>
      agent.mount(mount.target === 'root' ? { ...mount, files } : mount),
    ),
    enterNetworks(agent, networks, { hostname, hasFiles, isClone }),
  ])
  settled.catch(() => undefined)
  // What is asked for along with the root is asked for once.
  if (isFirst && !scene.decision.copiesShares) hooks.onEntering?.(agent)
  // A clone that does not answer has a bad template, and another is tried.
  const { notes }: AgentFacts = isClone
    ? await reachAgent(vm, 'agent', ready)
    : await reachOrAsk({ scene, vm }, 'agent', Promise.race([ready, over]))
  for (const note of notes)
    if (!knownNotes.has(note)) hooks.onEvent({ kind: 'note', message: `guest: ${note}` })
  for (const note of notes) knownNotes.add(note)
  await reachOrAsk({ scene, vm }, 'root', Promise.race([settled, over]))
}
