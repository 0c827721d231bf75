import { mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'

import { messageOf } from '../../base/index.ts'
import { confined, listenForOne, start, type LiveProcess, readRecorded } from '../../host/index.ts'
import { qemuArgs } from '../argv/qemu-args.ts'
import type { BootSpec, VmSockets } from '../machine/boot-spec.ts'
import { AgentChannel } from './agent-channel.ts'
import { BootFailure } from './boot-failure.ts'
import { BootProgress } from './boot-progress.ts'
import { Console } from './console.ts'
import { thaw } from './freeze.ts'
import { PhaseClock, type Phase } from './phases.ts'
import { pinCpus } from './pin.ts'
import { Qmp } from './qmp.ts'
import { openScratch, type Stdio } from './scratch.ts'
import { endOf } from './vm-end.ts'
import { Vm, type VmOptions } from './vm.ts'

/** The first descriptor after stderr. */
const STATE_FD = 3

/** Starts QEMU and waits until its channels are connected. Throws BootFailure; whatever was made is undone then. */
export async function startVm(options: VmOptions): Promise<Vm> {
  await using resources = new AsyncDisposableStack()
  const { runDir, socketDir, frozen, spec } = options
  await mkdir(socketDir, { recursive: true, mode: 0o700 })
  resources.defer(() => rm(socketDir, { recursive: true, force: true }))
  const console = await openConsole(options, resources)
  const stdio: Stdio = ['ignore', 'ignore', 'pipe']
  if (frozen) stdio[STATE_FD] = resources.use(await open(frozen.statePath, 'r')).fd
  resources.use(await openScratch(runDir, spec.machine.disks, stdio))

  const sockets = socketsIn(socketDir)
  const listen = async (path: string) => resources.use(await listenForOne(path))
  const consolePeer = await listen(sockets.console)
  const agentPeer = await listen(sockets.agent)
  const qmpPeer = await listen(sockets.qmp)
  void consolePeer.connected.then((socket) => console.attach(socket))

  const clock = new PhaseClock(frozen ? 'clone' : 'boot', options.onPhase)
  const qemu = resources.use(await startQemu(options, sockets, stdio))
  if (qemu.pid !== undefined) clock.reach('process')
  endWith(options.stop, qemu)
  const connected = qmpPeer.connected.then((socket) => new Qmp(socket, qemu.pid))
  const ended = endOf(qemu, { connected, console })
  const progress = new BootProgress({
    ...{ clock, console, ended, qemuStderr: () => qemu.stderrTail() },
    ...{ slowness: options.slowness, timeoutMs: options.bootTimeoutMs, arch: spec.machine.arch },
  })
  const peers = Promise.all([agentPeer.connected, connected])
  const [socket, qmp] = await progress.reach('process', peers)

  await using unfinished = new AsyncDisposableStack()
  const agent = resources.use(new AgentChannel({ socket, qmp, socketDir }))
  const parts = { console, progress, agent, qmp, qemu, ended }
  const vm = unfinished.use(new Vm({ ...parts, resources: resources.move() }, options))
  // Not waited for: nothing of a plain boot depends on it.
  const negotiated = qmp.negotiate()
  negotiated.catch(() => undefined)
  if (frozen) {
    const { withoutMemory } = frozen
    const thawed = negotiated.then(() => thaw(qmp, { fd: STATE_FD, withoutMemory }))
    thawed.catch(() => undefined)
    // QEMU answers when it has made the machine: what fails before has nothing to do with the state.
    await reachWith(vm, qemu, { phase: 'process', event: negotiated })
    await reachWith(vm, qemu, { phase: 'restore', event: thawed })
  }
  const { pinned } = spec.machine
  if (pinned.length > 0) await negotiated.then(() => pinCpus(qmp, pinned, options.cacheDir))
  unfinished.move()
  return vm
}

function endWith(stop: AbortSignal | undefined, qemu: LiveProcess): void {
  const kill = () => qemu.kill('SIGKILL')
  if (stop?.aborted) kill()
  else stop?.addEventListener('abort', kill, { once: true })
}

function socketsIn(dir: string): VmSockets {
  return {
    console: join(dir, 'console'),
    agent: join(dir, 'agent'),
    qmp: join(dir, 'qmp'),
    gdb: join(dir, 'gdb'),
    tools: join(dir, 'tools'),
  }
}

/** The console with its readers, who hear first what a frozen VM has said. */
async function openConsole(
  { runDir, frozen, consoleReaders, onConsoleLost }: VmOptions,
  resources: AsyncDisposableStack,
): Promise<Console> {
  const console = new Console(join(runDir, 'console.log'), (why) => onConsoleLost?.(why))
  resources.defer(() => console.close())
  if (!frozen?.isHeard) for (const reader of consoleReaders) console.addReader(reader)
  if (frozen) console.take(readRecorded(frozen.consolePath))
  if (frozen?.isHeard) for (const reader of consoleReaders) console.addReader(reader)
  return console
}

async function startQemu(
  { spec, runDir, confinement, cacheDir, onCommand }: VmOptions,
  sockets: VmSockets,
  stdio: Stdio,
): Promise<LiveProcess> {
  const command = [spec.qemu, ...qemuArgs(spec, sockets)]
  onCommand?.(command)
  const writes = spec.exports.some((one) => one.transport === '9p' && !one.readOnly)
  const [file, args] = await confined(
    command,
    { ...confinement, ...(writes && { plainFiles: true }) },
    cacheDir,
  )
  // QEMU quits on SIGINT, and the first Ctrl-C is for the command.
  return start(file, args, { cwd: runDir, env: qemuEnvironment(spec), stdio, ownSession: true })
}

/** QEMU needs nothing of our environment; secrets in it stay with us. */
function qemuEnvironment({ display }: BootSpec): NodeJS.ProcessEnv {
  const session = display && 'session' in display ? display.session : {}
  return { PATH: '/usr/bin:/bin', LC_ALL: 'C', ...session }
}

/** Waits for what brings a VM to a phase. Throws BootFailure with QEMU's words when it does not come. */
async function reachWith(
  vm: Vm,
  qemu: LiveProcess,
  { phase, event }: { readonly phase: Phase; readonly event: Promise<void> },
): Promise<void> {
  try {
    await vm.reach(phase, event)
  } catch (error) {
    // All that it says has come when it is gone.
    await vm[Symbol.asyncDispose]()
    if (error instanceof BootFailure) throw error
    const said = qemu.stderrTail().trim().split('\n').at(-1) ?? ''
    throw vm.failureBecause(`${messageOf(error)}${said ? ` (${said})` : ''}`, phase)
  }
}
