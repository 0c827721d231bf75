import { once } from 'node:events'
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'

import { KlabError, messageOf } from '../../base/index.ts'
import type { FoundReport } from '../../crash/index.ts'
import { processIdentity } from '../../host/index.ts'
import type { Booted } from '../boot/booted.ts'
import { chooseKernel } from '../kernels/choose-kernel.ts'
import { timeLimit } from '../life/command.ts'
import { endOfVm } from '../life/end-of-vm.ts'
import { liveOnce } from '../life/life.ts'
import type { Living } from '../life/living.ts'
import { silence } from '../life/silence.ts'
import type { LabEvent, PublishedPort } from '../outcome/events.ts'
import { describeOutcome, exitCodeOf, type Outcome } from '../outcome/outcome.ts'
import type { Ending } from '../outcome/verdict.ts'
import type { Lab } from '../session/context.ts'
import { controlPath, type Farewell } from './control.ts'
import { KeptRecord } from './kept-record.ts'
import { serveControl } from './keeper-control.ts'
import { processesOf } from './processes.ts'
import { VmRegistry } from './registry.ts'
import type { VmRecord } from './vm-record.ts'

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
  using record = new KeptRecord(registry, { ...found, ...(keeper && { keeper }) })
  const change = (values: Partial<VmRecord>) => record.change(values)
  change({ state: 'starting', complaint: undefined })
  const ended = (outcome: Outcome) =>
    change({ state: 'stopped', endedAt: new Date().toISOString(), outcome })
  await using resources = new AsyncDisposableStack()
  const farewell = Promise.withResolvers<Farewell>()
  let counted: () => readonly FoundReport[] = () => []
  try {
    const outcome = await live(lab, record.present, {
      ...{ change, tell, resources, farewell: farewell.promise },
      said: (reports) => {
        counted = reports
      },
    })
    // Before whoever waits for it is let go.
    ended(outcome)
    farewell.resolve({ outcome, reports: counted() })
    // It is written by then.
    await setImmediate()
    if (outcome.kind === 'boot-failed')
      tell({
        kind: 'failed',
        message: describeOutcome(outcome),
        ...{ exitCode: exitCodeOf(outcome), details: outcome.lastLines },
      })
  } catch (error) {
    ended({ kind: 'lost', reason: messageOf(error) })
    const exitCode = error instanceof KlabError ? error.exitCode : 125
    tell({ kind: 'failed', message: messageOf(error), exitCode, details: [] })
  }
}

interface Registered {
  readonly farewell: Promise<Farewell>
  /** Where to find what its kernel has said, at the end. */
  readonly said: (counted: () => readonly FoundReport[]) => void
  /** Disposed of when the end is recorded. */
  readonly resources: AsyncDisposableStack
  readonly change: (values: Partial<VmRecord>) => void
  readonly tell: (news: KeeperNews) => void
}

/** One life of a VM. Throws what a boot throws that is no outcome. */
async function live(
  lab: Lab,
  { request, runId, snapshot }: VmRecord,
  registered: Registered,
): Promise<Outcome> {
  const never = new AbortController().signal
  const { name, vm, judge } = request
  const { tell } = registered
  const choosing = { signal: never, onEvent: () => undefined }
  const kernel = await chooseKernel(lab, vm.kernel, choosing)
  const published: PublishedPort[] = []
  const { outcome } = await liveOnce(
    lab,
    {
      ...{ id: runId, vm, kernel, judge, hostname: name, stays: true },
      ...(snapshot && { snapshot }),
      argv: ['(a VM that stays)'],
    },
    {
      stop: never,
      onEvent: (event) => {
        tell({ kind: 'event', event })
        if (event.kind === 'published') {
          const { kind: _kind, run: _run, ...port } = event
          published.push(port)
          registered.change({ published })
        }
        if (vm.start === 'held' && event.kind === 'phase' && event.phase === 'process')
          tell({ kind: 'held' })
      },
      live: (living) => stay(living, registered),
    },
  )
  return outcome
}

/** Serves whoever asks, until the VM ends, is to end, or one of its limits is reached. */
async function stay(living: Living, registered: Registered): Promise<Ending> {
  const { lab, booted, reports, dump, request } = living
  const { onCrash, limits } = request.judge
  const { change, tell, resources, said } = registered
  said(() => reports.counted)
  const stopping = new AbortController()
  let isPaused = false
  const onSignal = () => stopping.abort(false)
  process.once('SIGTERM', onSignal)
  const path = controlPath(lab.paths, { runId: request.id })
  const control = await serveControl(path, {
    ...{ booted, reports, env: lab.config.run.env, farewell: registered.farewell },
    onState: (state) => {
      isPaused = state === 'paused'
      change({ state })
    },
    stop: (force) => stopping.abort(force),
  })
  // Whoever waits is let go when the end is recorded.
  resources.use(control)
  const { slowness } = booted
  const startedAt = new Date().toISOString()
  change({ state: 'running', startedAt, slowness, ...processesOf(booted) })
  tell({ kind: 'ready' })
  void reports.crashed.then(async () => {
    change({ complaint: reports.first?.title })
    if (onCrash === 'dump') await dump.write(booted.vm)
    // One that is gone stands still.
    if (onCrash === 'pause') await booted.vm.holds.pause().catch(() => undefined)
  })
  const done = new AbortController()
  // One that powers off when it is told to has ended as it should.
  const asked = (ending: Ending): Ending =>
    stopping.signal.aborted ? { kind: 'dismissed' } : ending
  try {
    return await Promise.race([
      endOfVm(booted).then(asked),
      dismissed(booted, stopping.signal),
      timeLimit(limits.timeoutMs, done.signal),
      ...(limits.idleTimeoutMs === null
        ? []
        : [
            silence(
              { ...listened(booted), isPaused: () => isPaused || !booted.boots.isUp },
              limits.idleTimeoutMs,
              done.signal,
            ),
          ]),
    ])
  } finally {
    done.abort()
  }
}

/** The console and all commands. */
function listened({ vm, boots, slowness }: Booted) {
  const heard = () => Math.max(vm.console.lastByteAt, boots.agent?.lastOutputAt ?? 0)
  return { agent: boots, slowness, heard }
}

/** The end that was asked for, with or without force. */
async function dismissed(booted: Booted, signal: AbortSignal): Promise<Ending> {
  if (!signal.aborted) await once(signal, 'abort')
  if (signal.reason === false) await powerOff(booted)
  return { kind: 'dismissed' }
}

/** Lets the guest write back and power off; it may not come to it. */
async function powerOff({ vm, boots, slowness }: Booted): Promise<void> {
  // A paused guest hears nothing, and one whose QEMU does not answer neither.
  try {
    await vm.holds.resume()
  } catch {
    return
  }
  boots.powerOff()
  await Promise.race([vm.ended, sleep(STOP_LIMIT_MS * slowness, undefined, { ref: false })])
}
