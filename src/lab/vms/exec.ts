import type { Socket } from 'node:net'

import { InfraError, isListOf, isRecord, tryDecodeJson } from '../../base/index.ts'
import type { FoundReport } from '../../crash/index.ts'
import { Agent, type ExecRequest } from '../../guest/index.ts'
import { Patience } from '../../host/index.ts'
import { execIn, type Guest } from '../life/exec.ts'
import { isFoundReport, isOutcome } from '../outcome/is-outcome.ts'
import type { Outcome } from '../outcome/outcome.ts'
import { outcomeOf, type Ending } from '../outcome/verdict.ts'
import type { Paths } from '../session/paths.ts'
import type { ExecParts } from '../session/session.ts'
import { askFor, converse, firstLine, guestPeer, type Farewell } from './control.ts'
import { VmRegistry, type NamedVm } from './registry.ts'

/** A hundred reports, each as long as reports are. */
const MAX_FAREWELL = 16 * 1024 * 1024

const MAX_WAY = 64

/** How long a guest may take to answer, multiplied by slowness. */
const PATIENCE_MS = 2_000

/** The agent of a VM that goes on without us. */
export type JoinedAgent = Agent & Disposable & { readonly boot: number }

/**
 * The agent of a running VM, by way of its keeper. Disposing of it leaves the VM alone. Throws InfraError when the VM is paused, or its guest
 * does not answer.
 */
export async function agentOf(paths: Paths, vm: NamedVm): Promise<JoinedAgent> {
  const agent = await connect(paths, vm)
  try {
    await withPatience(vm, agent.ping())
    return agent
  } catch (error) {
    agent[Symbol.dispose]()
    throw error
  }
}

/** Runs a command in a running VM until it, the VM, a limit or the user ends it, and judges it as `klab run` does. Throws InfraError. */
export async function execInVm(
  paths: Paths,
  vm: NamedVm,
  { request, ...parts }: ExecParts & { readonly request: ExecRequest },
): Promise<Outcome> {
  using agent = await connect(paths, vm)
  return await execIn(guestOf(paths, vm, agent), request, parts)
}

/** A VM behind a keeper, as commands see it. */
export function guestOf(
  paths: Paths,
  vm: NamedVm,
  agent: JoinedAgent,
): Guest & { readonly end: Promise<Ending> } {
  const started = Date.now()
  // Nobody stays for it who has left.
  const onWait = (socket: Socket) => void socket.unref()
  const end = endOf(paths, vm, onWait)
  const { reboots } = vm.request.vm.machine
  const over = reboots
    ? Promise.race([end, rebootOf(paths, vm, { boot: agent.boot, onWait })])
    : end
  return {
    ...{ agent, peer: guestPeer(vm), slowness: vm.slowness ?? 1, over, end },
    // The keeper hears the console; what counts here is the command.
    lastConsoleAt: () => started,
    isPaused: () => new VmRegistry(paths).read(vm.id)?.state === 'paused',
    mark: async () => (await reportsOf(paths, vm, { from: 0, graceMs: 0 })).length,
    since: async (from, graceMs) =>
      // One that has ended tells no more.
      await reportsOf(paths, vm, { from, graceMs }).catch(() => []),
    untilStarted: (begun) => withPatience(vm, begun),
  }
}

/** The complaints of a VM's kernel that count, from one on. Throws InfraError. */
export async function reportsOf(
  paths: Paths,
  vm: NamedVm,
  { from, graceMs }: { from: number; graceMs: number },
): Promise<readonly FoundReport[]> {
  return await askFor(paths, vm, {
    request: { do: 'reports', from, graceMs },
    check: isReports,
  })
}

function isReports(value: unknown): value is readonly FoundReport[] {
  return isListOf(value, isFoundReport)
}

function isFarewell(value: unknown): value is Farewell {
  return isRecord(value) && isOutcome(value['outcome']) && isReports(value['reports'])
}

/** How a VM ends: asked for while it lives, told when it is over. */
async function endOf(
  paths: Paths,
  vm: NamedVm,
  onWait: (socket: Socket) => void = () => undefined,
): Promise<Ending> {
  try {
    const { socket } = await converse(paths, vm, { do: 'wait' })
    onWait(socket)
    const last = await firstLine(socket, MAX_FAREWELL)
    const farewell = last === undefined ? undefined : tryDecodeJson(last, isFarewell)
    if (farewell) return { kind: 'over', ...farewell }
  } catch {
    // It is gone already.
  }
  const outcome = new VmRegistry(paths).read(vm.id)?.outcome
  return outcome ? { kind: 'over', outcome, reports: [] } : { kind: 'agent', error: undefined }
}

/** Settles when the guest of a VM that goes on has begun anew after a boot; for one that ends it never does. */
async function rebootOf(
  paths: Paths,
  vm: NamedVm,
  { boot, onWait }: { boot: number; onWait: (socket: Socket) => void },
): Promise<Ending> {
  const never = new Promise<never>(() => undefined)
  try {
    const { socket } = await converse(paths, vm, { do: 'reboot', after: boot })
    onWait(socket)
    const way = await firstLine(socket, MAX_WAY)
    socket.destroy()
    return way === 'reset' || way === 'kexec' ? { kind: 'rebooted', way } : await never
  } catch {
    // How it has ended is told elsewhere.
    return await never
  }
}

async function connect(paths: Paths, vm: NamedVm): Promise<JoinedAgent> {
  if (vm.state === 'paused')
    throw new InfraError(
      'VM',
      `the VM ${vm.name} is paused, so its guest does nothing; klab resume ${vm.name} lets it go on`,
    )
  const { socket, value } = await converse(paths, vm, { do: 'agent' })
  const agent = new Agent(socket)
  const boot = typeof value === 'number' ? value : 1
  return Object.assign(agent, { boot, [Symbol.dispose]: () => void socket.destroy() })
}

/** Throws InfraError when the guest does not come to do it. */
async function withPatience(vm: NamedVm, done: Promise<void>): Promise<void> {
  using patience = new Patience(guestPeer(vm), PATIENCE_MS * (vm.slowness ?? 1))
  await patience.for(done, (why) => silentGuest(vm, why))
}

/** What is said of a guest that does not answer. */
export function silentGuest({ name }: NamedVm, why: string): InfraError {
  return new InfraError(
    'VM_SILENT',
    `the guest of ${name} does not answer: ${why}; klab inspect ${name} shows what it does, klab stop --force ${name} ends it`,
  )
}

/** Waits until a VM, or a run, has ended. Undefined for a VM that has never lived. */
export async function waitFor(paths: Paths, vm: NamedVm): Promise<Outcome | undefined> {
  if (vm.state === 'stopped') return vm.outcome
  const ending = await endOf(paths, vm)
  return ending.kind === 'over' ? ending.outcome : outcomeOf(ending, undefined)
}
