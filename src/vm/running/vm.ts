import { existsSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'

import { InfraError } from '../../base/index.ts'
import type { Confinement, LiveProcess } from '../../host/index.ts'
import type { Arch } from '../machine/arch.ts'
import type { BootSpec } from '../machine/boot-spec.ts'
import type { Machine } from '../machine/machine.ts'
import type { AgentChannel } from './agent-channel.ts'
import type { BootFailure } from './boot-failure.ts'
import type { BootProgress } from './boot-progress.ts'
import type { Console, ConsoleReader } from './console.ts'
import { dumpMemory } from './dump.ts'
import { freeze } from './freeze.ts'
import { Holds } from './holds.ts'
import type { Phase, PhaseClock } from './phases.ts'
import type { Qmp } from './qmp.ts'
import { ResetWatch, type NewBoot } from './reset-watch.ts'
import type { VmEnd } from './vm-end.ts'

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
  /** The console is not recorded any more: the disk is full, say. What it says is heard all the same. */
  readonly onConsoleLost?: (why: string) => void
  /** The guest has panicked and stands still. Once settled it goes on to its last words and its end; not for `stay`. */
  readonly onPanic?: (vm: Vm) => Promise<AfterPanic>
  /**
   * The guest has begun anew: it was reset, where its machine is one that `reboots`, or it has started another kernel
   * (kexec). Right after this the agent's channel ends, and with it all that was asked of the agent.
   */
  readonly onReset?: (vm: Vm, reset: Reset) => void
  /** Ends QEMU when it is aborted, also on its way up; whoever waits for the VM waits for its end then. */
  readonly stop?: AbortSignal
  /** Told the whole command line of QEMU. */
  readonly onCommand?: (argv: readonly string[]) => void
  /** Of a spec that waits for it: the state of a frozen VM. */
  readonly frozen?: FrozenState
}

/** `reset`: as `go on`, but the reset that follows a panic does not end a machine that `reboots`. */
export type AfterPanic = 'go on' | 'stay' | 'reset'

export type Reset = NewBoot & {
  /** For the agent of the new boot, which answers when it is up. Rejects with InfraError when the VM ends before. */
  readonly agentSocket: Promise<Socket>
}

export interface FrozenState {
  readonly statePath: string
  readonly withoutMemory: boolean
  /** What its console said until it was frozen: this VM has said it too. */
  readonly consolePath: string
  /** Whether the readers have heard that already. */
  readonly isHeard: boolean
}

/** What a VM is made of, once its channels are connected. */
export interface VmParts {
  readonly console: Console
  readonly progress: BootProgress
  readonly agent: AgentChannel
  readonly qmp: Qmp
  readonly qemu: LiveProcess
  readonly ended: Promise<VmEnd>
  readonly resources: AsyncDisposableStack
}

/** A running QEMU with its console, control and agent channels. Disposing of it leaves nothing behind but its run directory. */
export class Vm implements AsyncDisposable {
  readonly console: Console
  readonly qmp: Qmp
  readonly ended: Promise<VmEnd>
  readonly pid: number | undefined
  /** Whether it stands still, and for whom. */
  readonly holds: Holds
  readonly #agent: AgentChannel
  readonly #progress: BootProgress
  readonly #qemu: LiveProcess
  readonly #options: VmOptions
  readonly #resources: AsyncDisposableStack
  #isProvoked = false

  constructor(parts: VmParts, options: VmOptions) {
    this.console = parts.console
    this.qmp = parts.qmp
    this.holds = new Holds(parts.qmp)
    this.ended = parts.ended
    this.pid = parts.qemu.pid
    this.#agent = parts.agent
    this.#progress = parts.progress
    this.#qemu = parts.qemu
    this.#options = options
    this.#resources = parts.resources
    // Without the device nobody stops a kernel that panics; it waits for a second (argv/kernel-parameters.ts).
    if (!options.spec.pvpanic)
      this.console.addReader({
        lines: (lines) => {
          if (lines.some((line) => line.includes('Kernel panic - not syncing'))) this.#endAtReset()
        },
      })
    this.qmp.on('event', ({ event }) => {
      // Memory is intact now (pvpanic, -action panic=pause); a panic in an NMI prints its text only when it goes on.
      if (event === 'GUEST_PANICKED') void this.#panic()
    })
    if (!options.onReset) return
    // A clone's agent has opened its port already.
    const isOpen = options.frozen !== undefined
    new ResetWatch({
      isOpen,
      hasSpoken: () => this.#agent.hasSpoken,
      onBoot: (boot) => this.#beginAnew(boot),
    }).watch(this.qmp)
  }

  get arch(): Arch {
    return this.machine.arch
  }

  get machine(): Machine {
    return this.#options.spec.machine
  }

  /** The agent's channel. Connected by QEMU itself, long before the agent answers on it; another one after each reset. */
  get agentSocket(): Socket {
    return this.#agent.socket
  }

  /** The stopwatch of its boot. */
  get phases(): PhaseClock {
    return this.#progress.clock
  }

  /** From now on its kernel is made to panic: nobody is told of that. */
  provoke(): void {
    this.#isProvoked = true
  }

  /** So long nobody asked anything of it: that is no time of its boot. */
  excuse(ms: number): void {
    this.phases.excuse(ms)
  }

  /** Waits for what brings the boot to a phase (BootProgress.reach). Throws BootFailure. */
  async reach<T>(phase: Phase, event: Promise<T>): Promise<T> {
    return await this.#progress.reach(phase, event)
  }

  /** The failure to reach a phase, the next one if none is named, when the cause is known. */
  failureBecause(reason: string, phase?: Phase): BootFailure {
    return this.#progress.failureBecause(reason, phase)
  }

  /** Stops the VM and writes its state; of its memory too, unless that is a file it shares. Throws InfraError. */
  async freeze(statePath: string): Promise<void> {
    const { spec, socketDir, slowness } = this.#options
    await freeze(this.qmp, {
      ...{ statePath, socketDir, slowness },
      withoutMemory: spec.memory?.kind === 'file' && spec.memory.share,
    })
  }

  /**
   * Writes the memory to a file that QEMU makes, and stands still meanwhile; `format` is one of QEMU's DumpGuestMemoryFormat. Throws InfraError, and the
   * signal's reason when nobody wants it any more before it is begun.
   */
  async dump(path: string, format: string, unwanted?: AbortSignal): Promise<void> {
    await this.holds.during(async () => {
      unwanted?.throwIfAborted()
      await dumpMemory(this.qmp, { path, format })
    })
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

  async #panic(): Promise<void> {
    const next = this.#isProvoked
      ? 'go on'
      : ((await this.#options.onPanic?.(this).catch(() => undefined)) ?? 'go on')
    if (next === 'stay') return
    if (next === 'go on') this.#endAtReset()
    // What cannot go on is over, which is noticed elsewhere.
    await this.holds.resume().catch(() => undefined)
  }

  /** From now on a reset ends QEMU, as it does where the machine is not one that reboots. */
  #endAtReset(): void {
    if (!this.#options.spec.machine.reboots) return
    this.qmp.execute('set-action', { reboot: 'shutdown' }).catch(() => undefined)
  }

  #beginAnew(boot: NewBoot): void {
    this.#progress.again(boot.kind === 'reset' ? 'boot' : 'kexec')
    const agentSocket = this.#agent.renew()
    // Whoever was told decides whether it matters.
    agentSocket.catch(() => undefined)
    this.#options.onReset?.(this, { ...boot, agentSocket })
  }
}
