import { InfraError } from '../../base/index.ts'
import { openFileLimit } from '../../host/index.ts'
import { planBoot, type BootPlan } from '../../kernel/index.ts'
import {
  archFacts,
  diskOptions,
  kernelParameters,
  machineProblem,
  machineTypeFacts,
  machineTypeOn,
  neededDevices,
  needsPci,
  qemuFacts,
  type Accelerator,
  type BootSpec,
  type Display,
  type Machine,
  type QemuFacts,
} from '../../vm/index.ts'
import type { OnEvent } from '../outcome/events.ts'
import { qemuPath, usableVirtiofsd, type Lab } from '../session/context.ts'
import type { Transport } from '../spec/vm-spec.ts'
import { chooseAccelerator } from './accelerator.ts'
import type { BootRequest } from './boot-request.ts'
import { displayFor } from './display.ts'

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
  const { vm, kernel } = request
  const { machine } = vm
  const qemu = qemuPath(lab)
  const [accelerator, facts] = await Promise.all([
    chooseAccelerator(lab, { qemu, machine, crowded: request.crowded ?? false }, onEvent),
    qemuFacts(qemu, lab.paths.cache),
  ])
  const { plan, copiesShares } = planFor(lab, request)
  if (copiesShares && machine.reboots)
    throw new InfraError(
      'SHARES',
      `the kernel ${kernel.origin} can mount no share, and what is copied into its memory is gone when it reboots: leave --reboot or the shares out`,
    )
  const { accel: _accel, display: _display, parameters: _parameters, ...asked } = machine
  const hardware: Machine = {
    ...asked,
    type: machine.type === 'auto' ? machineTypeOn(machine.arch, plan.bus) : machine.type,
  }
  const sharesHost = vm.root.kind === 'host' || (vm.shares.length > 0 && !copiesShares)
  checkMachine(hardware, facts, sharesHost ? plan.transport : undefined)
  const display = await displayFor(lab, request, { displays: facts.displays, resources })
  return {
    qemu,
    machine: hardware,
    accelerator,
    slowness:
      (accelerator.kind === 'tcg' ? TCG_SLOWNESS : 1) *
      (kernel.manifest?.slowness ?? 1) *
      (vm.start === 'held' ? DEBUG_SLOWNESS : 1),
    plan,
    copiesShares,
    parameters: [...(kernel.manifest?.parameters ?? []), ...machine.parameters],
    ...(display && { display }),
    pvpanic: plan.pvpanic && facts.devices.includes(archFacts(machine.arch).panicDevice),
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

/** Throws InfraError for a machine that cannot be, or not with this QEMU. */
function checkMachine(
  machine: Machine,
  facts: QemuFacts,
  transport: BootPlan['transport'] | undefined,
): void {
  const problem = machineProblem(machine)
  if (problem !== undefined)
    throw new InfraError('MACHINE', `the machine that is asked for cannot be: ${problem}`)
  const needed = neededDevices(machine, transport)
  const missing = needed.filter((name) => !facts.devices.includes(name))
  if (!facts.machines.includes(machine.type)) missing.unshift(`machine ${machine.type}`)
  if (missing.length === 0) return
  throw new InfraError(
    'QEMU_LACKS',
    `this QEMU (${facts.version}) lacks ${missing.join(', ')}; install a complete one (klab doctor)`,
  )
}

function isPci({ arch, type }: BootRequest['vm']['machine']): boolean {
  return type !== 'auto' && machineTypeFacts({ arch, type }).bus === 'pci'
}

/** How the kernel can be booted, and whether its shares have to be copied because it can mount none. */
function planFor(lab: Lab, request: BootRequest): { plan: BootPlan; copiesShares: boolean } {
  const { kernel, vm } = request
  const transport = askedTransport(lab, request)
  const virtiofs = canUseVirtiofs(lab, request, transport)
  const withShares = vm.root.kind === 'host' || vm.shares.length > 0
  const wishes = {
    ...{ virtiofs, transport },
    overlay: vm.root.kind === 'host' || vm.shares.some(({ mode }) => mode === 'cow'),
    needsPci: isPci(vm.machine) || vm.machine.display !== 'none' || needsPci(vm.machine),
    console: archFacts(vm.machine.arch).consoleOption,
    network: vm.networks.length > 0,
    disks: diskOptions(vm.machine.disks),
  }
  const wanted = planBoot(kernel.config, { ...wishes, shares: withShares })
  if (!('missing' in wanted)) return { plan: wanted, copiesShares: false }
  const canCopy = vm.root.kind === 'none' && vm.shares.length > 0
  const copying =
    canCopy && vm.shareFallback === 'copy'
      ? planBoot(kernel.config, { ...wishes, shares: false })
      : wanted
  if (!('missing' in copying)) return { plan: copying, copiesShares: true }
  const hint = canCopy && vm.shareFallback === 'none' ? '; --share-fallback copy does without' : ''
  throw new InfraError(
    'KERNEL_LACKS',
    `the kernel ${kernel.origin} cannot do what is asked: it was built without ${copying.missing.join(', ')}${hint}`,
  )
}

function canUseVirtiofs(lab: Lab, { kernel }: BootRequest, transport: Transport): boolean {
  // Looking at the daemon costs something, and most kernels do without.
  const isNeeded =
    transport === 'virtiofs' ||
    (transport === 'auto' && kernel.config !== undefined && !kernel.config.has('9P_FS'))
  const isThere = isNeeded && usableVirtiofsd(lab) !== undefined
  if (transport !== 'virtiofs' || isThere) return isThere
  throw new InfraError(
    'VIRTIOFSD',
    'virtiofs was asked for, and there is no virtiofsd here that this user can run; install it (klab doctor) or use --transport 9p',
  )
}

/** A virtiofsd keeps each file open that the guest knows, and has to be restarted when it has no more: a kernel tree is 80,000. */
const VIRTIOFS_FILES = 2 ** 18

/**
 * For one command, a clone with 9p is there in a third of the time. A VM that stays has more from virtiofs: `git status` in a kernel
 * tree is 11 times faster, finding files 2 times, reading 1.3 to 1.5 times (docs/benchmarks.md).
 */
function askedTransport(lab: Lab, { vm, kernel, stays = false, snapshot }: BootRequest): Transport {
  if (vm.transport !== 'auto' || !stays || snapshot) return vm.transport
  const can = ['FUSE_FS', 'VIRTIO_FS'].every((option) =>
    ['y', 'm'].includes(kernel.config?.get(option) ?? 'n'),
  )
  const serves = can && openFileLimit() >= VIRTIOFS_FILES && usableVirtiofsd(lab) !== undefined
  return serves ? 'virtiofs' : 'auto'
}
