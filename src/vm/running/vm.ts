import { existsSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'

import { InfraError } from '../../base/index.ts'
import type { Confinement, LiveProcess } from '../../host/index.ts'
import type { BootSpec } from '../machine/machine.ts'
import type { BootFailure } from './boot-failure.ts'
import type { BootProgress } from './boot-progress.ts'
import type { Console, ConsoleReader } from './console.ts'
import { dumpMemory } from './dump.ts'
import { freeze } from './freeze.ts'
import type { Phase, PhaseClock } from './phases.ts'
import type { Qmp } from './qmp.ts'
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
  /** The guest has panicked and stands still. Once settled it goes on to its last words and its end; not for `stay`. */
  readonly onPanic?: (vm: Vm) => Promise<'go on' | 'stay'>
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

/** What a VM is made of, once its channels are connected. */
export interface VmParts {
  readonly console: Console
  readonly progress: BootProgress
  /** The agent's channel. Connected by QEMU itself, long before the agent answers on it. */
  readonly agentSocket: Socket
  readonly qmp: Qmp
  readonly qemu: LiveProcess
  readonly ended: Promise<VmEnd>
  readonly resources: AsyncDisposableStack
}

/** A running QEMU with its console, control and agent channels. Disposing of it leaves nothing behind but its run directory. */
export class Vm implements AsyncDisposable {
  readonly console: Console
  readonly agentSocket: Socket
  readonly qmp: Qmp
  readonly ended: Promise<VmEnd>
  readonly pid: number | undefined
  readonly #progress: BootProgress
  readonly #qemu: LiveProcess
  readonly #options: VmOptions
  readonly #resources: AsyncDisposableStack
  #isProvoked = false

  constructor(parts: VmParts, options: VmOptions) {
    this.console = parts.console
    this.agentSocket = parts.agentSocket
    this.qmp = parts.qmp
    this.ended = parts.ended
    this.pid = parts.qemu.pid
    this.#progress = parts.progress
    this.#qemu = parts.qemu
    this.#options = options
    this.#resources = parts.resources
    this.qmp.on('event', ({ event }) => {
      // Memory is intact now (pvpanic, -action panic=pause); a panic in an NMI prints its text only when it goes on.
      if (event === 'GUEST_PANICKED') void this.#panic()
    })
  }

  /** The stopwatch of its boot. */
  get phases(): PhaseClock {
    return this.#progress.clock
  }

  /** From now on its kernel is made to panic: nobody is told of that. */
  provoke(): void {
    this.#isProvoked = true
  }

  /** Waits for what brings the boot to a phase (BootProgress.reach). Throws BootFailure. */
  async reach<T>(phase: Phase, event: Promise<T>): Promise<T> {
    return await this.#progress.reach(phase, event)
  }

  /** The failure to reach the next phase, when the cause is known. */
  failureBecause(reason: string): BootFailure {
    return this.#progress.failureBecause(reason)
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

  async #panic(): Promise<void> {
    const next = this.#isProvoked
      ? 'go on'
      : await this.#options.onPanic?.(this).catch(() => 'go on')
    // What cannot go on is over, which is noticed elsewhere.
    if (next !== 'stay') await this.qmp.execute('cont').catch(() => undefined)
  }
}
