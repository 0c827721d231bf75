import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { KlabError, messageOf } from '../../base/index.ts'
import { processIdentity } from '../../host/index.ts'
import type { PhaseTimings } from '../../vm/index.ts'
import { bootFailed } from '../outcome/boot-outcome.ts'
import { boot, type Booted } from '../boot/boot.ts'
import { chooseKernel } from '../kernels/choose-kernel.ts'
import { lostEnding } from '../life/command.ts'
import type { Lab } from '../session/context.ts'
import type { LabEvent } from '../outcome/events.ts'
import { exitCodeOf, type Outcome } from '../outcome/outcome.ts'
import { parseNet } from '../spec/net-request.ts'
import { withPhase } from '../life/with-phase.ts'
import { CrashDump } from '../life/crash-dump.ts'
import { RunRecord } from '../history/run-record.ts'
import { parseShare } from '../spec/shares.ts'
import { outcomeOf, ReportLog, type Ending } from '../outcome/verdict.ts'
import { controlPath } from './control.ts'
import { serveControl } from './keeper-control.ts'
import { VmRegistry, type VmRecord } from './registry.ts'

/** What a keeper tells the klab that started it, until the VM runs. */
export type KeeperNews =
  | { readonly kind: 'event'; readonly event: LabEvent }
  | { readonly kind: 'ready' }
  /** It waits for a debugger: no more is to be waited for. */
  | { readonly kind: 'held' }
  | {
      readonly kind: 'failed'
      readonly message: string
      readonly exitCode: number
      readonly details: readonly string[]
    }

/** How long a guest may take to power off before it is ended, multiplied by slowness. */
const STOP_LIMIT_MS = 5_000

/**
 * Owns one VM that stays, from its boot to its end: the process that QEMU dies with, that records the console, and that all
 * others ask. It lives as long as the VM.
 */
export async function keepVm(
  lab: Lab,
  id: string,
  tell: (news: KeeperNews) => void,
): Promise<void> {
  const registry = new VmRegistry(lab.paths)
  const found = registry.read(id)
  if (!found) throw new Error(`there is no VM of id ${id}`)
  const keeper = processIdentity(process.pid)
  let record: VmRecord = { ...found, ...(keeper && { keeper }) }
  const change = (values: Partial<VmRecord>) => {
    record = { ...record, ...values }
    registry.write(record)
  }
  change({ state: 'starting' })
  try {
    await live(lab, record, change, tell)
  } catch (error) {
    const outcome: Outcome = { kind: 'lost', reason: messageOf(error) }
    change({ state: 'stopped', endedAt: new Date().toISOString(), outcome })
    tell({
      kind: 'failed',
      message: messageOf(error),
      exitCode: error instanceof KlabError ? error.exitCode : 125,
      details: 'lastLines' in (error as object) ? (error as { lastLines: string[] }).lastLines : [],
    })
  }
}

/** One life of a VM. Throws what a boot throws. */
async function live(
  lab: Lab,
  { request, runId, snapshot }: VmRecord,
  change: (values: Partial<VmRecord>) => void,
  tell: (news: KeeperNews) => void,
): Promise<void> {
  const startedAt = performance.now()
  const never = new AbortController().signal
  const choice = { kernel: request.kernel, options: [], configFiles: [] }
  const kernel = await chooseKernel(lab, choice, never, () => undefined)
  const runDir = join(lab.paths.state, 'runs', runId)
  await mkdir(runDir, { recursive: true, mode: 0o700 })
  const { machine, fresh, hold, allowReports, name, onCrash } = request
  const facts = {
    ...{ id: runId, runDir, machine, kernel, lastingName: request.kernel },
    argv: ['(a VM that stays)'],
    onNote: (message: string) => tell({ kind: 'event', event: { kind: 'note', message } }),
  }
  const history = new RunRecord(lab, facts)
  history.begin()
  let phases: PhaseTimings = {}
  const onEvent = (event: LabEvent) => {
    if (event.kind === 'phase') phases = withPhase(phases, event)
    tell({ kind: 'event', event })
    if (hold && event.kind === 'phase' && event.phase === 'process') tell({ kind: 'held' })
  }
  const reports = new ReportLog(allowReports, onEvent)
  const dump = new CrashDump(runDir, onEvent)
  const end = (outcome: Outcome) =>
    history.end(
      {
        ...{ outcome, exitCode: exitCodeOf(outcome), phases },
        durationMs: Math.round(performance.now() - startedAt),
      },
      reports.all,
    )
  try {
    await using booted = await boot(
      lab,
      {
        ...{ id: runId, kernel, machine, runDir, fresh, hold, name, stays: true },
        ...(snapshot && { snapshot }),
        net: parseNet(machine.net, machine.publish),
        shares: machine.shares.map((text) => parseShare(text, lab.cwd)),
        consoleReaders: [reports.reader],
        onSilence: async (vm) => {
          reports.end('all')
          if (onCrash === 'dump') await dump.write(vm)
        },
        onPanic: async (vm) => {
          if (onCrash === 'dump') await dump.write(vm)
          return onCrash === 'pause' ? 'stay' : 'go on'
        },
      },
      onEvent,
    )
    const stopping = new AbortController()
    const onSignal = () => stopping.abort(false)
    process.once('SIGTERM', onSignal)
    await using _control = await serveControl(controlPath(lab.paths, { runId }), {
      ...{ booted, reports },
      onState: (state) => change({ state }),
      stop: (force) => stopping.abort(force),
    })
    const qemu = booted.vm.pid === undefined ? undefined : processIdentity(booted.vm.pid)
    change({ state: 'running', startedAt: new Date().toISOString(), ...(qemu && { qemu }) })
    tell({ kind: 'ready' })
    void reports.crashed.then(async () => {
      if (onCrash === 'dump') await dump.write(booted.vm)
      // One that is gone stands still.
      if (onCrash === 'pause') await booted.vm.qmp.execute('stop').catch(() => undefined)
    })
    const ending = await Promise.race([ended(booted), stopped(booted, stopping.signal)])
    booted.vm.kill()
    await booted.vm.ended
    booted.vm.console.close()
    reports.scanner.flush()
    const outcome = stopping.signal.aborted
      ? stoppedOutcome(reports)
      : outcomeOf(ending, reports.first)
    await end(outcome)
    // Before whoever waits for it is let go.
    change({ state: 'stopped', endedAt: new Date().toISOString(), outcome })
  } catch (error) {
    await end(bootFailed(error) ?? { kind: 'lost', reason: messageOf(error) })
    throw error
  }
}

/** The VM ends by itself: QEMU is gone, or its agent is not to be trusted any more. */
async function ended(booted: Booted): Promise<Ending> {
  const gone = booted.vm.ended.then((end): Ending => ({ kind: 'vm', end }))
  return await Promise.race([lostEnding(booted), gone])
}

/** The end that was asked for, with or without force. */
async function stopped(booted: Booted, signal: AbortSignal): Promise<Ending> {
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  if (signal.reason === false) await powerOff(booted)
  return { kind: 'stopped', signal: 0 }
}

/** Lets the guest write back and power off; it may not come to it. */
async function powerOff({ vm, agent, slowness }: Booted): Promise<void> {
  // A paused guest hears nothing.
  await vm.qmp.execute('cont').catch(() => undefined)
  agent.powerOff()
  await Promise.race([vm.ended, sleep(STOP_LIMIT_MS * slowness, undefined, { ref: false })])
}

function stoppedOutcome(reports: ReportLog): Outcome {
  if (reports.first) return { kind: 'crashed', report: reports.first }
  return { kind: 'exited', code: 0 }
}
