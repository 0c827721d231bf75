import { existsSync } from 'node:fs'
import { mkdir, open, readFile, rm } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { join } from 'node:path'

import { Deadline, formatDuration, InfraError, messageOf } from '../base/index.ts'
import {
  confined,
  describeExit,
  listenForOne,
  start,
  type Confinement,
  type LiveProcess,
  type StdioOptions,
} from '../host/index.ts'
import { BootFailure } from './boot-failure.ts'
import { Console, type ConsoleReader } from './console.ts'
import { diagnose } from './diagnosis.ts'
import { freeze, thaw } from './freeze.ts'
import type { BootSpec, VmSockets } from './machine.ts'
import { PHASES, PHASE_LIMITS_MS, PhaseClock, type Phase } from './phases.ts'
import { qemuArgs } from './qemu-args.ts'
import { dumpMemory } from './dump.ts'
import { Qmp } from './qmp.ts'

export interface VmOptions {
  readonly spec: BootSpec
  /** The private directory of this VM; the console log and the argv stay in it. */
  readonly runDir: string
  /** Where sockets go: short, because of sun_path. Removed with the VM. */
  readonly socketDir: string
  readonly confinement: Confinement
  readonly cacheDir: string
  /** Phase limits are multiplied by this: emulation and sanitizers are slow. */
  readonly slowness: number
  /** The whole boot, from QEMU's start to the command's. */
  readonly bootTimeoutMs: number
  readonly onPhase: (phase: Phase, ms: number) => void
  /** Who reads the console, from its first line. */
  readonly consoleReaders: readonly ConsoleReader[]
  /** The guest has panicked and stands still. Once settled it goes on to its last words and its end; not for `stay`. */
  readonly onPanic?: (vm: Vm) => Promise<'go on' | 'stay'>
  /** Told the whole command line of QEMU. */
  readonly onCommand?: (argv: readonly string[]) => void
  /** Of a spec that waits for it: the state of a frozen VM. */
  readonly frozen?: FrozenState
}

export interface FrozenState {
  readonly statePath: string
  readonly withoutMemory: boolean
  /** What its console said until it was frozen: this VM has said it too. */
  readonly consolePath: string
  /** Whether the readers have heard that already. */
  readonly isHeard: boolean
}

const PANIC_GRACE_MS = 1_500
/** After these nothing more is to be hoped for: of a kernel, and of the one that unpacks it. */
const LAST_WORDS = /Kernel panic - not syncing|^ ?-- System halted/

/** Why a VM is no more. */
export interface VmEnd {
  /** `guest-reset`, `guest-panic`, `guest-shutdown`, `host-signal` …: QMP's SHUTDOWN reason, if it came. */
  readonly reason: string | undefined
  /** `exit status 0`, `killed by SIGKILL`. */
  readonly process: string
  readonly stderr: string
}

/** A running QEMU with its console, control and agent channels. Disposing of it leaves nothing behind but its run directory. */
export class Vm implements AsyncDisposable {
  readonly console: Console
  readonly phases: PhaseClock
  /** The agent's channel. Connected by QEMU itself, long before the agent answers on it. */
  readonly agentSocket: Socket
  readonly qmp: Qmp
  readonly ended: Promise<VmEnd>
  readonly pid: number | undefined
  readonly #qemu: LiveProcess
  readonly #options: VmOptions
  readonly #resources: AsyncDisposableStack
  readonly #panicked = Promise.withResolvers<'panicked'>()
  #end: VmEnd | undefined
  #isProvoked = false

  constructor(parts: {
    console: Console
    phases: PhaseClock
    agentSocket: Socket
    qmp: Qmp
    qemu: LiveProcess
    options: VmOptions
    resources: AsyncDisposableStack
  }) {
    this.console = parts.console
    this.phases = parts.phases
    this.agentSocket = parts.agentSocket
    this.qmp = parts.qmp
    this.pid = parts.qemu.pid
    this.#qemu = parts.qemu
    this.#options = parts.options
    this.#resources = parts.resources
    this.console.addReader({
      lines: (lines) => {
        if (!lines.some((line) => LAST_WORDS.test(line))) return
        // With panic=-1 the guest resets by itself, after its last words; one that cannot is not waited for.
        setTimeout(() => this.#panicked.resolve('panicked'), PANIC_GRACE_MS).unref()
      },
    })
    let reason: string | undefined
    this.qmp.on('event', ({ event, data }) => {
      if (event === 'SHUTDOWN') reason = String(data['reason'])
      // Memory is intact now (pvpanic, -action panic=pause); a panic in an NMI prints its text only when it goes on.
      if (event === 'GUEST_PANICKED') void this.#panic()
    })
    this.ended = parts.qemu.exited.then((exit) => {
      this.#end = { reason, process: describeExit(exit), stderr: parts.qemu.stderrTail() }
      return this.#end
    })
  }

  /** From now on its kernel is made to panic: nobody is told of that. */
  provoke(): void {
    this.#isProvoked = true
  }

  async #panic(): Promise<void> {
    const next = this.#isProvoked
      ? 'go on'
      : await this.#options.onPanic?.(this).catch(() => 'go on')
    // What cannot go on is over, which is noticed elsewhere.
    if (next !== 'stay') await this.qmp.execute('cont').catch(() => undefined)
  }

  /**
   * Waits for what brings the boot to a phase. Throws BootFailure, with the cause, when the phase's deadline or the
   * whole boot's passes, QEMU ends, or the kernel panics first.
   */
  async reach<T>(phase: Phase, event: Promise<T>): Promise<T> {
    const limit = PHASE_LIMITS_MS[phase] * this.#options.slowness
    const left = this.#options.bootTimeoutMs - this.phases.elapsedMs
    const waitMs = Math.max(0, Math.min(limit, left))
    using deadline = new Deadline(waitMs)
    const outcome = await Promise.race([
      event.then((value) => ({ value })),
      deadline.passed,
      this.ended.then(() => 'ended' as const),
      this.#panicked.promise,
    ])
    if (typeof outcome === 'object') {
      this.phases.reach(phase)
      return outcome.value
    }
    throw this.failure(phase, formatDuration(waitMs), outcome === 'passed')
  }

  /** The failure to reach a phase, diagnosed from what is known now. */
  failure(phase: Phase, waited: string, isSilent: boolean): BootFailure {
    // The console may have got further than what was waited for.
    const missed =
      PHASES.indexOf(phase) < PHASES.indexOf(this.phases.next) ? phase : this.phases.next
    const consoleLines = this.console.recentLines(64)
    const reason = diagnose({
      phase: missed,
      consoleLines,
      qemuStderr: this.#qemu.stderrTail(),
      ...(this.#end && { qemuEnd: this.#end.reason ?? this.#end.process }),
      waited,
    })
    const lastLines = consoleLines.slice(-12)
    return new BootFailure(missed, reason, lastLines, this.phases.timings, isSilent)
  }

  /** The failure to reach the next phase, when the cause is known. */
  failureBecause(reason: string): BootFailure {
    return new BootFailure(
      this.phases.next,
      reason,
      this.console.recentLines(12),
      this.phases.timings,
    )
  }

  /** Stops the VM and writes its state; of its memory too, unless that is a file it shares. Throws InfraError. */
  async freeze(statePath: string): Promise<void> {
    const { spec, socketDir } = this.#options
    await freeze(this.qmp, {
      statePath,
      socketDir,
      withoutMemory: spec.memory?.kind === 'file' && spec.memory.share,
    })
  }

  /** Writes the memory to a file that QEMU makes; `format` is one of QEMU's DumpGuestMemoryFormat. Throws InfraError. */
  async dump(path: string, format: string): Promise<void> {
    await dumpMemory(this.qmp, { path, format })
  }

  /** Opens QEMU's gdb stub on a unix socket and returns its path; once opened it stays. */
  async openGdb(): Promise<string> {
    const path = join(this.#options.socketDir, 'gdb')
    if (!existsSync(path)) {
      const line = `gdbserver unix:${path},server=on,wait=off`
      const said = await this.qmp.execute('human-monitor-command', { 'command-line': line })
      if (!existsSync(path))
        throw new InfraError('GDB', `QEMU did not open its gdb stub: ${String(said).trim()}`)
    }
    return path
  }

  kill(): void {
    this.#qemu.kill('SIGKILL')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync()
  }
}

/** Starts QEMU and waits until its channels are connected. Throws BootFailure; whatever was made is undone then. */
export async function startVm(options: VmOptions): Promise<Vm> {
  await using resources = new AsyncDisposableStack()
  const { runDir, socketDir, spec } = options
  await mkdir(socketDir, { recursive: true, mode: 0o700 })
  resources.defer(() => rm(socketDir, { recursive: true, force: true }))
  const sockets: VmSockets = {
    console: join(socketDir, 'console'),
    agent: join(socketDir, 'agent'),
    qmp: join(socketDir, 'qmp'),
    gdb: join(socketDir, 'gdb'),
    tools: join(socketDir, 'tools'),
  }
  const console = new Console(join(runDir, 'console.log'))
  resources.defer(() => console.close())
  const { frozen, consoleReaders } = options
  if (!frozen?.isHeard) for (const reader of consoleReaders) console.addReader(reader)
  if (frozen) console.take(await readFile(frozen.consolePath))
  if (frozen?.isHeard) for (const reader of consoleReaders) console.addReader(reader)
  const state = frozen && (await open(frozen.statePath, 'r'))
  if (state) resources.defer(() => state.close())
  const [consolePeer, agentPeer, qmpPeer] = await Promise.all(
    [sockets.console, sockets.agent, sockets.qmp].map(async (path) =>
      resources.use(await listenForOne(path)),
    ),
  )
  const command = [spec.qemu, ...qemuArgs(spec, sockets)]
  options.onCommand?.(command)
  const [file, args] = await confined(command, options.confinement, options.cacheDir)
  const phases = new PhaseClock(frozen ? 'clone' : 'boot', options.onPhase)
  watchPhases(console, phases)
  void consolePeer?.connected.then((socket) => console.attach(socket))
  const stdio: StdioOptions = ['ignore', 'ignore', 'pipe', ...(state ? [state.fd] : [])]
  const qemu = resources.use(start(file, args, { cwd: runDir, env: qemuEnvironment(spec), stdio }))
  // Before the first line of the console can come.
  if (qemu.pid !== undefined) phases.reach('process')
  const connected = Promise.all([agentPeer?.connected, qmpPeer?.connected])
  const peers = await Promise.race([
    connected,
    qemu.exited,
    new Promise<undefined>((resolve) => {
      setTimeout(() => resolve(undefined), PHASE_LIMITS_MS.process * 2).unref()
    }),
  ])
  if (!Array.isArray(peers) || !peers[0] || !peers[1]) {
    const exit = peers === undefined || Array.isArray(peers) ? undefined : describeExit(peers)
    const evidence = { phase: 'process' as const, consoleLines: [], qemuStderr: qemu.stderrTail() }
    const reason = diagnose({ ...evidence, ...(exit && { qemuEnd: exit }), waited: '10s' })
    throw new BootFailure(
      'process',
      reason,
      qemu.stderrTail().trim().split('\n').slice(-5),
      phases.timings,
    )
  }
  const qmp = new Qmp(peers[1])
  // Not waited for: nothing of the boot depends on it.
  const negotiated = qmp.negotiate()
  negotiated.catch(() => undefined)
  const parts = { console, phases, agentSocket: peers[0], qmp, qemu, options }
  const vm = new Vm({ ...parts, resources: resources.move() })
  if (!frozen) return vm
  try {
    const thawed = negotiated.then(() => thaw(qmp, STATE_FD, frozen.withoutMemory))
    await vm.reach('restore', thawed)
    return vm
  } catch (error) {
    await vm[Symbol.asyncDispose]()
    if (error instanceof BootFailure) throw error
    const said = qemu.stderrTail().trim().split('\n').at(-1) ?? ''
    throw vm.failureBecause(`${messageOf(error)}${said ? ` (${said})` : ''}`)
  }
}

/** The first descriptor after stderr. */
const STATE_FD = 3

/** QEMU needs nothing of our environment; secrets in it stay with us. */
function qemuEnvironment({ display }: BootSpec): NodeJS.ProcessEnv {
  const session = display && 'session' in display ? display.session : {}
  return { PATH: '/usr/bin:/bin', LC_ALL: 'C', ...session }
}

function watchPhases(console: Console, phases: PhaseClock): void {
  console.addReader({
    lines: (lines) => {
      phases.reach('console')
      if (lines.some((line) => line.includes('Linux version '))) phases.reach('kernel')
    },
  })
  // A first line that is not complete counts as well.
  void console.firstByte.then(() => phases.reach('console'))
}
