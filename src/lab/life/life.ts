import { readFileSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

import { Interrupted, interruptOf, messageOf } from '../../base/index.ts'
import { cpuCount } from '../../host/index.ts'
import type { PhaseTimings, Vm } from '../../vm/index.ts'
import { audit } from '../audit/audit-log.ts'
import { vmDeeds } from '../audit/vm-deeds.ts'
import { boot } from '../boot/boot.ts'
import type { BootHooks, BootRequest } from '../boot/boot-request.ts'
import type { Booted } from '../boot/booted.ts'
import { RunRecord } from '../history/run-record.ts'
import { lastingName } from '../kernels/choose-kernel.ts'
import { damageOfKernel } from '../kernels/damaged-kernel.ts'
import { bootFailed } from '../outcome/boot-outcome.ts'
import type { RunPolicy } from '../outcome/crash-policy.ts'
import type { LabEvent } from '../outcome/events.ts'
import { exitCodeOf, signalName, type Outcome } from '../outcome/outcome.ts'
import { AllowRules } from '../outcome/allow-rule.ts'
import { ReportLog } from '../outcome/report-log.ts'
import { takePlace, type Place } from '../schedule/schedule.ts'
import type { Lab } from '../session/context.ts'
import { conclude } from './conclude.ts'
import { CrashDump } from './crash-dump.ts'
import { GuessedWrong } from './guessed-wrong.ts'
import type { LifeRequest, LifeResult, Living, Purpose } from './living.ts'
import { withPhase } from './phases.ts'

/** The directory of a run: console, output, dumps. */
export function runDirectory(lab: Pick<Lab, 'paths'>, id: string): string {
  return join(lab.paths.state, 'runs', id)
}

/**
 * One life of a VM, from its boot to a verdict: recorded, its reports collected, its panic dealt with, its hang explained. Throws KlabError
 * when it does not come to a VM at all.
 */
export async function liveOnce(
  lab: Lab,
  request: LifeRequest,
  purpose: Purpose,
): Promise<LifeResult> {
  const { id, kernel } = request
  const runDir = runDirectory(lab, id)
  const rules = await AllowRules.of(request.judge.allowReports)
  await mkdir(runDir, { recursive: true, mode: 0o700 })
  const life = new Life(lab, request, { runDir, purpose, rules })
  const startedAt = performance.now()
  const outcome = await outcomeIn(runDir, life)
  const result: LifeResult = {
    ...{ id, outcome, exitCode: exitCodeOf(outcome) },
    durationMs: Math.round(performance.now() - startedAt),
    ...{ phases: life.phases, peakMemoryKiB: life.peakMemoryKiB },
    consolePath: join(runDir, 'console.log'),
    ...{ kernel: kernel.origin, release: kernel.release },
  }
  await life.record(result)
  return result
}

/** Of what it was booted with nothing stays, and of a life that was lived on a wrong guess nothing at all. */
async function outcomeIn(runDir: string, life: Life): Promise<Outcome> {
  try {
    return await life.outcome()
  } catch (error) {
    if (error instanceof GuessedWrong) await rm(runDir, { recursive: true, force: true })
    throw error
  } finally {
    await rm(join(runDir, 'initramfs'), { force: true })
  }
}

interface LifeParts {
  readonly runDir: string
  readonly purpose: Purpose
  readonly rules: AllowRules
}

class Life {
  phases: PhaseTimings = {}
  peakMemoryKiB: number | undefined
  readonly #lab: Lab
  readonly #request: LifeRequest
  readonly #purpose: Purpose
  readonly #runDir: string
  readonly #record: RunRecord
  readonly #reports: ReportLog
  readonly #dump: CrashDump
  #qemu: readonly string[] | undefined
  #isUp = false

  constructor(lab: Lab, request: LifeRequest, parts: LifeParts) {
    this.#lab = lab
    this.#request = request
    this.#runDir = parts.runDir
    this.#purpose = parts.purpose
    const { id, vm, kernel, argv, asked } = request
    this.#record = new RunRecord(lab, {
      ...{ id, runDir: parts.runDir, kernel, machine: vm.machine, argv },
      lastingName: lastingName(lab, vm.kernel, kernel),
      ...(asked && { request: asked }),
      onNote: (message) => this.#onEvent({ kind: 'note', message }),
    })
    this.#reports = new ReportLog(parts.rules, this.#onEvent)
    this.#dump = new CrashDump(lab.paths, parts.runDir, {
      ...{ onEvent: this.#onEvent, stop: this.#purpose.stop },
    })
  }

  /** Lives it. */
  async outcome(): Promise<Outcome> {
    const { id } = this.#request
    this.#onEvent({ kind: 'run', id, dir: this.#runDir })
    this.#record.begin()
    this.#audit()
    const reports = this.#reports
    try {
      const stop = this.#stop()
      using place = await this.#place(stop)
      await using booted = await this.#boot(place, stop)
      this.#isUp = true
      if (booted.vm.pid !== undefined) place.occupy(booted.vm.pid)
      const living: Living = {
        ...{ lab: this.#lab, request: this.#request, runDir: this.#runDir },
        ...{ booted, reports, dump: this.#dump, onEvent: this.#onEvent },
      }
      const ending = await this.#purpose.live(living)
      this.peakMemoryKiB = peakMemoryKiB(booted.vm)
      return await conclude(living, ending, this.#purpose)
    } catch (error) {
      reports.end('all')
      // What comes of a wrong guess is no news.
      if ((await this.#purpose.sure) === false) {
        this.#record.takeBack()
        throw new GuessedWrong()
      }
      const failed = bootOutcome(error)
      if (failed?.kind === 'boot-failed') await this.#checkKernel()
      if (failed) return failed
      this.#record.abandon(messageOf(error))
      throw error
    }
  }

  /** Throws InfraError where the kernel did not come up because its files are not what was built: that says nothing of its sources. */
  async #checkKernel(): Promise<void> {
    const damage = await damageOfKernel(this.#lab, this.#request.kernel)
    if (!damage) return
    this.#record.abandon(damage.message)
    throw damage
  }

  async record(result: LifeResult): Promise<void> {
    const { outcome, exitCode, durationMs } = result
    const input = this.#purpose.input?.()
    await this.#record.end(
      {
        ...result,
        ...(input !== undefined && { input }),
        ...(this.#qemu && { qemu: this.#qemu }),
      },
      this.#reports.all,
    )
    this.#onEvent({ kind: 'outcome', outcome, exitCode, durationMs })
  }

  readonly #onEvent = (event: LabEvent): void => {
    if (event.kind === 'phase') this.phases = withPhase(this.phases, event)
    this.#purpose.onEvent({ ...event, run: this.#request.id })
  }

  /** Before it happens: who touches something may end us. */
  #audit(): void {
    const { id, vm } = this.#request
    const problem = audit(this.#lab, vmDeeds(vm, id))
    if (problem !== undefined) this.#onEvent({ kind: 'note', message: problem })
  }

  /** Aborted when the VM is not wanted any more: by its user, or because its kernel is a wrong guess. */
  #stop(): AbortSignal {
    const { stop, sure } = this.#purpose
    const ending = new AbortController()
    const onStop = () => ending.abort(stop.reason)
    if (stop.aborted) onStop()
    else stop.addEventListener('abort', onStop, { once: true })
    void sure?.then((isRight) => {
      if (!isRight) ending.abort(new GuessedWrong())
    })
    return ending.signal
  }

  async #place(stop: AbortSignal): Promise<Place> {
    const { vm, batch } = this.#request
    const { cpus, memoryMiB } = vm.machine
    const patient = batch !== undefined
    return await takePlace(
      this.#lab.paths,
      { cpus, memoryMiB, patient },
      {
        stop,
        onWait: (why) => this.#onEvent({ kind: 'waiting', why }),
      },
    )
  }

  /** Boots, unless it is ended first; then nothing of the VM is left. */
  async #boot(place: Place, stop: AbortSignal): Promise<Booted> {
    const { id, vm, batch, kernel, hostname, stays, snapshot, agentPath } = this.#request
    // Those that come right after it count already.
    const crowded = place.crowded || (batch?.jobs ?? 1) * vm.machine.cpus > cpuCount()
    const request: BootRequest = {
      ...{ id, vm, kernel, hostname, stays, crowded, runDir: this.#runDir },
      ...(snapshot && { snapshot }),
      ...(agentPath !== undefined && { agentPath }),
    }
    const { sure } = this.#purpose
    const booting = boot(this.#lab, request, { ...this.#hooks(), stop })
    try {
      const booted = await Promise.race([booting, aborted(stop)])
      if (!sure) return booted
      const upAt = performance.now()
      await Promise.race([sure, aborted(stop)])
      // That its command was not asked for is not the guest's fault.
      booted.vm.excuse(performance.now() - upAt)
      return booted
    } catch (error) {
      // What it has (ports, disks, its directory) is free before anybody goes on. Its QEMU is being killed, so it does not take long.
      if (stop.aborted)
        await booting.then((booted) => booted[Symbol.asyncDispose]()).catch(() => undefined)
      throw error
    }
  }

  #hooks(): Omit<BootHooks, 'stop'> {
    const { onCrash } = this.#request.judge
    const reports = this.#reports
    const { onEntering } = this.#purpose
    return {
      onEvent: this.#onEvent,
      // What a kernel says while it boots belongs to its run as well.
      consoleReaders: [reports.reader],
      onQemu: (argv) => {
        this.#qemu = argv
        this.#onEvent({ kind: 'qemu', argv })
      },
      ...(onEntering && { onEntering }),
      onSilence: async (vm) => {
        reports.end('all')
        if (onCrash === 'dump') await this.#dump.write(vm)
      },
      onPanic: (vm) => this.#panic(vm, onCrash),
      onReset: () => reports.unexpectedReboot(),
    }
  }

  async #panic(vm: Vm, onCrash: RunPolicy): Promise<'go on' | 'stay'> {
    if (onCrash === 'dump') await this.#dump.write(vm)
    if (this.#request.stays) return onCrash === 'pause' ? 'stay' : 'go on'
    if (onCrash === 'pause' && this.#isUp) {
      // What it has said is all that it says.
      this.#reports.end('all')
      return 'stay'
    }
    if (onCrash !== 'continue') void this.#reports.endWithPanic(vm)
    return 'go on'
  }
}

/** Rejects when a signal is aborted: with GuessedWrong, or as interrupted. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const settle = () => {
      const { reason } = signal as { readonly reason: unknown }
      reject(reason instanceof GuessedWrong ? reason : new Interrupted(interruptOf(signal)))
    }
    if (signal.aborted) settle()
    else signal.addEventListener('abort', settle, { once: true })
  })
}

/** The outcome of a boot that failed or was stopped; undefined for an error that is none. */
function bootOutcome(error: unknown): Outcome | undefined {
  if (!(error instanceof Interrupted)) return bootFailed(error)
  const { signal: number } = error
  return { kind: 'signalled', signal: signalName(number), number }
}

/** The most memory QEMU ever had (VmHWM of proc_pid_status(5)). */
function peakMemoryKiB({ pid }: Vm): number | undefined {
  try {
    const match = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
    return match ? Number(match[1]) : undefined
  } catch {
    return undefined
  }
}
