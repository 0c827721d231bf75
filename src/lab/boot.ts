import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'

import { InfraError } from '../base/index.ts'
import { Agent, AgentLost, AGENT, initramfs, type MountRequest } from '../guest/index.ts'
import { availableMemoryMiB, nativeProgram, type Confinement } from '../host/index.ts'
import { ModuleDirectory, planBoot, type BootPlan, type Kernel } from '../kernel/index.ts'
import {
  acceleratorVerdict,
  MAX_PARAMETERS_LENGTH,
  kernelParameters,
  qemuFacts,
  startVirtiofsd,
  startVm,
  type Accelerator,
  type BootSpec,
  type ConsoleReader,
  type Export,
  type Phase,
  type Vm,
} from '../vm/index.ts'
import type { MachineConfig } from './config/schema.ts'
import { qemuPath, virtiofsdPath, type Lab } from './context.ts'
import type { OnEvent } from './events.ts'
import { hiddenPaths } from './hidden.ts'
import type { Share } from './shares.ts'

export interface BootRequest {
  readonly id: string
  readonly kernel: Kernel
  readonly machine: MachineConfig
  readonly shares: readonly Share[]
  readonly runDir: string
  /** Who reads the console, from its first line. */
  readonly consoleReaders: readonly ConsoleReader[]
  /** Another PID 1 than klab's agent, for trying what happens without one. */
  readonly agentPath?: string
}

/** A VM whose agent answers and whose root and shares are mounted. */
export interface Booted extends AsyncDisposable {
  readonly vm: Vm
  readonly agent: Agent
  readonly accelerator: Accelerator
  /** By how much this guest is slower than a plain one under KVM. */
  readonly slowness: number
}

/** Emulation is this much slower than KVM, for deadlines. */
const TCG_SLOWNESS = 5

/** The agent gives msize to 9p up to what virtio's ring carries (PAGE_SIZE * (VIRTQUEUE_NUM - 3), net/9p/trans_virtio.c). */
const NINE_P_OPTIONS = 'trans=virtio,version=9p2000.L,msize=512000,access=any'

interface PlannedMount {
  readonly request: MountRequest
  readonly path: string
}

/** Boots a kernel as far as the command. Throws BootFailure or InfraError; nothing is left behind then. */
export async function boot(lab: Lab, request: BootRequest, onEvent: OnEvent): Promise<Booted> {
  await using resources = new AsyncDisposableStack()
  const { machine, kernel, shares } = request
  const qemu = qemuPath(lab)
  const [accelerator, facts] = await Promise.all([
    chooseAccelerator(lab, qemu, machine, onEvent),
    qemuFacts(qemu, lab.paths.cache),
  ])
  const plan = planFor(lab, request)
  checkMachine(machine, plan, facts.machines, facts.devices, facts.version)
  const slowness =
    (accelerator.kind === 'tcg' ? TCG_SLOWNESS : 1) * (kernel.manifest?.slowness ?? 1)
  const socketDir = join(lab.paths.runtime, request.id)
  await mkdir(join(socketDir, 'root'), { recursive: true, mode: 0o700 })
  const mounts = plannedMounts(machine, shares, plan, join(socketDir, 'root'))
  const exportRoot = machine.root === 'host'
  const hidden = exportRoot ? hiddenPaths(lab.env['HOME'] ?? '/', lab.cwd, lab.config.run.hide) : []
  const confinement: Confinement = exportRoot
    ? { export: { dir: join(socketDir, 'root'), hidden } }
    : {}
  const exports: Export[] = []
  for (const { request: mount, path } of mounts) {
    const readOnly = mount.mode !== 'rw'
    if (plan.transport === '9p') {
      exports.push({ transport: '9p', tag: mount.tag, path, readOnly })
      continue
    }
    const socket = join(socketDir, `${mount.tag}.sock`)
    const own =
      readOnly && mount.target !== 'root' ? { binds: [{ from: path, at: path, readOnly }] } : {}
    const daemonConfinement = mount.target === 'root' ? confinement : own
    const daemon = virtiofsdPath(lab) ?? ''
    resources.use(
      await startVirtiofsd({
        daemon,
        dir: path,
        socket,
        confinement: daemonConfinement,
        cacheDir: lab.paths.cache,
      }),
    )
    exports.push({ transport: 'virtiofs', tag: mount.tag, socket })
  }
  const spec: BootSpec = {
    qemu,
    machine: { cpus: machine.cpus, memoryMiB: machine.memory, type: machineType(machine, plan) },
    accelerator,
    image: kernel.image,
    initrd: await writeInitramfs(lab, request, plan),
    parameters: [...(kernel.manifest?.parameters ?? []), ...machine.parameters],
    exports,
    pvpanic: plan.pvpanic && facts.devices.includes('pvpanic'),
  }
  checkParameters(spec)
  const vm = resources.use(
    await startVm({
      spec,
      runDir: request.runDir,
      socketDir,
      confinement: {
        ...(plan.transport === '9p' && confinement),
        lock: join(request.runDir, 'lock'),
      },
      cacheDir: lab.paths.cache,
      slowness,
      bootTimeoutMs: machine.bootTimeout * slowness,
      consoleReaders: request.consoleReaders,
      onPhase: (phase, ms) => onEvent({ kind: 'phase', phase, ms }),
    }),
  )
  const agent = new Agent(vm.agentSocket)
  const answered = await reachAgent(vm, 'agent', agent.ready())
  for (const note of answered.notes) onEvent({ kind: 'note', message: `guest: ${note}` })
  agent.greet(`klab-${request.id}`, randomBytes(256), Date.now())
  await reachAgent(vm, 'root', mountAll(agent, mounts))
  const owned = resources.move()
  return { vm, agent, accelerator, slowness, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/** As Vm.reach, for what the agent has to answer: one that breaks the protocol has failed, one that is gone tells nothing. */
async function reachAgent<T>(vm: Vm, phase: Phase, answer: Promise<T>): Promise<T> {
  const settled = answer.catch((error: unknown) => {
    if (!(error instanceof AgentLost)) throw error
    if (error.cause) throw vm.failureBecause(`${error.message}; its agent cannot be trusted`)
    return new Promise<never>(() => undefined)
  })
  return await vm.reach(phase, settled)
}

async function mountAll(agent: Agent, mounts: readonly PlannedMount[]): Promise<void> {
  for (const { request } of mounts) await agent.mount(request)
}

/** What runs the guest, and one line that says why. Throws InfraError when KVM is demanded and does not work. */
async function chooseAccelerator(
  lab: Lab,
  qemu: string,
  machine: MachineConfig,
  onEvent: OnEvent,
): Promise<Accelerator> {
  const verdict = await acceleratorVerdict(qemu, lab.paths.cache)
  if (machine.accel === 'kvm' && !verdict.kvm) {
    throw new InfraError(
      'ACCELERATOR',
      `KVM was asked for, but does not work here: ${verdict.why}; use --accel tcg to emulate`,
    )
  }
  const kvm = machine.accel !== 'tcg' && verdict.kvm
  const why = machine.accel === 'tcg' ? 'asked for' : verdict.why
  onEvent({ kind: 'accelerator', accel: kvm ? 'kvm' : 'tcg', why })
  return kvm ? { kind: 'kvm' } : { kind: 'tcg', tscKHz: verdict.tscKHz }
}

function planFor(lab: Lab, { kernel, machine, shares }: BootRequest): BootPlan {
  const usesHost = machine.root === 'host' || shares.length > 0
  const plan = planBoot(kernel.config, {
    shares: usesHost,
    virtiofs: virtiofsdPath(lab) !== undefined,
    overlay: machine.root === 'host' || shares.some(({ mode }) => mode === 'cow'),
    needsPci: machine.type === 'q35',
  })
  if (!('missing' in plan)) return plan
  throw new InfraError(
    'KERNEL_LACKS',
    `the kernel ${kernel.origin} cannot do what is asked: it was built without ${plan.missing.join(', ')}`,
  )
}

function machineType(machine: MachineConfig, plan: BootPlan): 'microvm' | 'q35' {
  return machine.type === 'auto' ? plan.machine : machine.type
}

function checkMachine(
  machine: MachineConfig,
  plan: BootPlan,
  machines: readonly string[],
  devices: readonly string[],
  version: string,
): void {
  const type = machineType(machine, plan)
  const bus = type === 'microvm' ? 'device' : 'pci'
  const share = plan.transport === '9p' ? `virtio-9p-${bus}` : `vhost-user-fs-${bus}`
  const needed = [
    `virtio-serial-${bus}`,
    'virtserialport',
    `virtio-rng-${bus}`,
    ...(machine.root === 'host' ? [share] : []),
  ]
  const missing = needed.filter((device) => !devices.includes(device))
  if (!machines.includes(type)) missing.unshift(`machine ${type}`)
  if (missing.length > 0) {
    throw new InfraError(
      'QEMU_LACKS',
      `this QEMU (${version}) lacks ${missing.join(', ')}; install a complete one (klab doctor)`,
    )
  }
  const available = availableMemoryMiB()
  if (machine.memory > available) {
    throw new InfraError(
      'MEMORY',
      `the guest wants ${machine.memory} MiB of memory and this machine has ${available} MiB free; ask for less with --memory`,
    )
  }
}

function checkParameters(spec: BootSpec): void {
  const length = kernelParameters(spec).join(' ').length
  if (length > MAX_PARAMETERS_LENGTH) {
    throw new InfraError(
      'PARAMETERS',
      `the kernel parameters are ${length} bytes long; the kernel takes ${MAX_PARAMETERS_LENGTH}`,
    )
  }
}

function plannedMounts(
  machine: MachineConfig,
  shares: readonly Share[],
  plan: BootPlan,
  rootDir: string,
): PlannedMount[] {
  const nineP = plan.transport === '9p'
  const options = (cached: boolean) =>
    nineP ? `${NINE_P_OPTIONS},cache=${cached ? 'loose' : 'none'}` : ''
  const root: PlannedMount[] =
    machine.root === 'host'
      ? [
          {
            path: rootDir,
            request: {
              transport: plan.transport,
              tag: 'klab.root',
              target: 'root',
              mode: 'cow',
              options: options(true),
            },
          },
        ]
      : []
  return [
    ...root,
    ...shares.map(({ mode, host, guest }, index) => ({
      path: host,
      request: {
        transport: plan.transport,
        tag: `klab.share${index}`,
        target: { path: guest },
        mode,
        // What the user edits must be seen: no caching where both sides write.
        options: options(mode !== 'rw'),
      },
    })),
  ]
}

async function writeInitramfs(lab: Lab, request: BootRequest, plan: BootPlan): Promise<string> {
  const { kernel, runDir } = request
  const agent = await readFile(request.agentPath ?? (await nativeProgram(AGENT, lab.paths.cache)))
  const modules = plan.modules.length === 0 ? [] : await bootModules(kernel, plan)
  const path = join(runDir, 'initramfs')
  await writeFile(path, initramfs(agent, modules))
  return path
}

async function bootModules(kernel: Kernel, plan: BootPlan) {
  const directory = await ModuleDirectory.open(kernel.modulesDir ?? '')
  const missing = plan.modules.filter((name) => !directory.has(name))
  if (missing.length > 0) {
    throw new InfraError(
      'MODULES',
      `the kernel ${kernel.origin} has ${missing.join(', ')} as modules, and ${kernel.modulesDir ?? 'no directory of modules'} does not hold them`,
    )
  }
  return await directory.closure(plan.modules)
}
