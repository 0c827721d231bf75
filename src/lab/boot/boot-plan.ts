import { InfraError } from '../../base/index.ts'
import type { Agent } from '../../guest/index.ts'
import { availableMemoryMiB, openFileLimit } from '../../host/index.ts'
import { planBoot, type BootPlan, type Kernel } from '../../kernel/index.ts'
import {
  acceleratorVerdict,
  archFacts,
  kernelParameters,
  machineProblem,
  neededDevices,
  PLAIN,
  qemuFacts,
  type Accelerator,
  type BootSpec,
  type ConsoleReader,
  type Display,
  type Machine,
  type Vm,
} from '../../vm/index.ts'
import type { MachineConfig } from '../config/schema.ts'
import { qemuPath, usableVirtiofsd, type Lab } from '../session/context.ts'
import { displayFor } from './display.ts'
import type { OnEvent } from '../outcome/events.ts'
import type { NetRequest } from '../spec/net-request.ts'
import type { Share } from '../spec/shares.ts'

/** Which devices and memory a VM was given: those of a template, or those it needs. */
export type Layout = 'template' | 'plain'

/** A VM as it was at a moment, memory and all. */
export interface Snapshot {
  readonly dir: string
  readonly layout: Layout
}

export interface BootRequest {
  readonly id: string
  readonly kernel: Kernel
  readonly machine: MachineConfig
  readonly shares: readonly Share[]
  readonly net: NetRequest
  /** The guest's host name; one made of the id when absent. */
  readonly name?: string
  readonly runDir: string
  /** It is not for one command alone. */
  readonly stays?: boolean
  /** Who reads the console, from its first line. */
  readonly consoleReaders: readonly ConsoleReader[]
  /** A boot has come to a standstill. Once settled its kernel is asked where it is: what it says from then on it is made to say. */
  readonly onSilence?: (vm: Vm) => Promise<void>
  /**
   * Called when the guest was asked for its root and its shares: what it is asked for now, it does right after, and refuses if
   * one of them failed. A new agent if a template was no good; never when shares have to be copied in first.
   */
  readonly onEntering?: (agent: Agent) => void
  /** Boot, and do not clone a template. */
  readonly fresh: boolean
  /** Aborted when nobody wants the VM any more. */
  readonly stop?: AbortSignal
  /** With the VMs beside it, it has more virtual CPUs than this machine has. */
  readonly crowded?: boolean
  /** Go on from it instead of booting. */
  readonly snapshot?: Snapshot
  /** The guest has panicked and stands still; `stay` leaves it so. */
  readonly onPanic?: (vm: Vm) => Promise<'go on' | 'stay'>
  /** Wait at the first instruction for a debugger. */
  readonly hold?: boolean
  /** Another PID 1 than klab's agent, for trying what happens without one. */
  readonly agentPath?: string
}

/** What is decided of a VM before anything of it exists. */
export interface BootDecision {
  readonly qemu: string
  readonly machine: Machine
  readonly accelerator: Accelerator
  /** By how much this guest is slower than a plain one under KVM. */
  readonly slowness: number
  readonly plan: BootPlan
  /** Shares are copied in: the kernel can mount none. */
  readonly copiesShares: boolean
  readonly parameters: readonly string[]
  readonly display?: Display
  readonly pvpanic: boolean
  readonly vmcoreinfo: boolean
  readonly sandbox: boolean
}

/** Who debugs a boot stops it for as long as thinking takes. */
const DEBUG_SLOWNESS = 10_000

/** Emulation is this much slower than KVM, for deadlines. */
const TCG_SLOWNESS = 5

/** Decides how to boot. Throws InfraError for what this machine, QEMU or kernel cannot do. */
export async function decideBoot(
  lab: Lab,
  request: BootRequest,
  { resources, onEvent }: { resources: AsyncDisposableStack; onEvent: OnEvent },
): Promise<BootDecision> {
  const { machine, kernel } = request
  const qemu = qemuPath(lab)
  const [accelerator, facts] = await Promise.all([
    chooseAccelerator(lab, qemu, request, onEvent),
    qemuFacts(qemu, lab.paths.cache),
  ])
  const { plan, copiesShares } = planFor(lab, request)
  const type = machine.type === 'auto' ? plan.machine : machine.type
  const sharesHost = machine.root === 'host' || (request.shares.length > 0 && !copiesShares)
  const needed = neededDevices(
    { ...PLAIN, arch: 'x86_64', type },
    sharesHost ? plan.transport : undefined,
  )
  const missing = needed.filter((device) => !facts.devices.includes(device))
  if (!facts.machines.includes(type)) missing.unshift(`machine ${type}`)
  if (missing.length > 0) {
    throw new InfraError(
      'QEMU_LACKS',
      `this QEMU (${facts.version}) lacks ${missing.join(', ')}; install a complete one (klab doctor)`,
    )
  }
  checkMemory(machine)
  const hardware: Machine = {
    ...{ ...PLAIN, arch: 'x86_64', type },
    ...{ cpus: machine.cpus, memoryMiB: machine.memory },
  }
  const problem = machineProblem(hardware)
  if (problem !== undefined)
    throw new InfraError('MACHINE', `the machine that is asked for cannot be: ${problem}`)
  const display = await displayFor(lab, request, { displays: facts.displays, resources })
  return {
    qemu,
    machine: hardware,
    accelerator,
    slowness:
      (accelerator.kind === 'tcg' ? TCG_SLOWNESS : 1) *
      (kernel.manifest?.slowness ?? 1) *
      (request.hold ? DEBUG_SLOWNESS : 1),
    plan,
    copiesShares,
    parameters: [
      ...(kernel.manifest?.parameters ?? []),
      // Beside the serial console, which stays the one for /dev/console.
      ...(display ? ['console=tty0', 'console=ttyS0'] : []),
      ...machine.parameters,
    ],
    ...(display && { display }),
    pvpanic: plan.pvpanic && facts.devices.includes('pvpanic'),
    vmcoreinfo: facts.devices.includes('vmcoreinfo'),
    sandbox: facts.sandbox,
  }
}

/** Throws InfraError when the kernel would cut the parameters off. */
export function checkParameters(spec: BootSpec): void {
  const length = kernelParameters(spec).join(' ').length
  const { maxParametersLength } = archFacts(spec.machine.arch)
  if (length > maxParametersLength) {
    throw new InfraError(
      'PARAMETERS',
      `the kernel parameters are ${length} bytes long; the kernel takes ${maxParametersLength}`,
    )
  }
}

/** What runs the guest, and one line that says why. Throws InfraError when KVM is demanded and does not work. */
async function chooseAccelerator(
  lab: Lab,
  qemu: string,
  { machine, crowded = false }: BootRequest,
  onEvent: OnEvent,
): Promise<Accelerator> {
  const verdict = await acceleratorVerdict({ qemu, arch: 'x86_64' }, lab.paths.cache)
  if (machine.accel === 'kvm' && !verdict.kvm) {
    throw new InfraError(
      'ACCELERATOR',
      `KVM was asked for, but does not work here: ${verdict.why}; use --accel tcg to emulate`,
    )
  }
  const kvm = machine.accel !== 'tcg' && verdict.kvm
  const why = machine.accel === 'tcg' ? 'asked for' : verdict.why
  onEvent({ kind: 'accelerator', accel: kvm ? 'kvm' : 'tcg', why })
  return kvm ? { kind: 'kvm' } : { kind: 'tcg', tscKHz: verdict.tscKHz, inTurns: crowded }
}

/** How the kernel can be booted, and whether its shares have to be copied because it can mount none. */
function planFor(lab: Lab, request: BootRequest): { plan: BootPlan; copiesShares: boolean } {
  const { kernel, machine, shares, net } = request
  // Looking at the daemon costs something, and most kernels do without.
  const transport = askedTransport(lab, request)
  const needsVirtiofs =
    transport === 'virtiofs' ||
    (transport === 'auto' && kernel.config !== undefined && !kernel.config.has('9P_FS'))
  const virtiofs = needsVirtiofs && usableVirtiofsd(lab) !== undefined
  if (transport === 'virtiofs' && !virtiofs) {
    throw new InfraError(
      'VIRTIOFSD',
      'virtiofs was asked for, and there is no virtiofsd here that this user can run; install it (klab doctor) or use --transport 9p',
    )
  }
  const plan = (withShares: boolean) =>
    planBoot(kernel.config, {
      shares: withShares,
      virtiofs,
      transport,
      overlay: machine.root === 'host' || shares.some(({ mode }) => mode === 'cow'),
      needsPci: machine.type === 'q35' || machine.display !== 'none',
      network: net.kind !== 'none',
    })
  const wanted = plan(machine.root === 'host' || shares.length > 0)
  if (!('missing' in wanted)) return { plan: wanted, copiesShares: false }
  const canCopy = machine.root === 'none' && shares.length > 0
  const copying = canCopy && machine.shareFallback === 'copy' ? plan(false) : wanted
  if (!('missing' in copying)) return { plan: copying, copiesShares: true }
  const hint =
    canCopy && machine.shareFallback === 'none' ? '; --share-fallback copy does without' : ''
  throw new InfraError(
    'KERNEL_LACKS',
    `the kernel ${kernel.origin} cannot do what is asked: it was built without ${copying.missing.join(', ')}${hint}`,
  )
}

/** A virtiofsd keeps each file open that the guest knows, and has to be restarted when it has no more: a kernel tree is 80,000. */
const VIRTIOFS_FILES = 2 ** 18

/**
 * For one command, a clone with 9p is there in a third of the time. A VM that stays has more from virtiofs: `git status` in a kernel
 * tree is 11 times faster, finding files 2 times, reading 1.3 to 1.5 times (docs/benchmarks.md).
 */
function askedTransport(
  lab: Lab,
  { machine, kernel, stays = false, snapshot }: BootRequest,
): MachineConfig['transport'] {
  if (machine.transport !== 'auto' || !stays || snapshot) return machine.transport
  const can = ['FUSE_FS', 'VIRTIO_FS'].every((option) =>
    ['y', 'm'].includes(kernel.config?.get(option) ?? 'n'),
  )
  const serves = can && openFileLimit() >= VIRTIOFS_FILES && usableVirtiofsd(lab) !== undefined
  return serves ? 'virtiofs' : 'auto'
}

function checkMemory({ memory }: MachineConfig): void {
  const available = availableMemoryMiB()
  if (memory <= available) return
  throw new InfraError(
    'MEMORY',
    `the guest wants ${memory} MiB of memory and this machine has ${available} MiB free; ask for less with --memory`,
  )
}
