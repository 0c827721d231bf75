import type { Kernel } from '../../kernel/index.ts'
import { chooseKernel } from '../kernels/choose-kernel.ts'
import type { LabEvent, OnEvent } from '../outcome/events.ts'
import type { Lab } from '../session/context.ts'
import type { Interrupts, Terminal } from '../session/terminal.ts'
import type { RunRequest } from '../spec/run-request.ts'
import { checkRequest, runOnKernel, type RunResult } from './run.ts'
import { Tally, type RepeatSummary } from './tally.ts'

export interface RepeatOptions {
  readonly count: number
  readonly jobs: number
  /** No run begins after one for which this holds. */
  readonly isLast: (result: RunResult) => boolean
  /** What each command reads; absent for nothing. */
  readonly stdin?: () => AsyncIterable<Uint8Array>
}

/** What happens while a command is repeated. */
export type RepeatEvent =
  | { readonly kind: 'begin'; readonly number: number; readonly job: number }
  | {
      readonly kind: 'end'
      readonly number: number
      readonly job: number
      readonly result: RunResult
    }
  | { readonly kind: 'event'; readonly event: LabEvent }

/** Who ends a series, and who is told. */
export interface RepeatParts {
  readonly stop: AbortSignal
  readonly onEvent: (event: RepeatEvent) => void
}

/** The same command in one pristine VM after another, several at a time. Each is recorded, its output in its directory. */
export async function repeatRun(
  lab: Lab,
  { request, ...options }: RepeatOptions & { readonly request: RunRequest },
  { stop, onEvent }: RepeatParts,
): Promise<RepeatSummary> {
  checkRequest(lab, request)
  const pass: OnEvent = (event) => onEvent({ kind: 'event', event })
  const kernel = await chooseKernel(lab, request.vm.kernel, { signal: stop, onEvent: pass })
  const jobs = Math.max(1, Math.min(options.jobs, options.count))
  const tally = new Tally()
  const state = { next: 1, isOver: false }
  const job = async (number: number) => {
    while (state.next <= options.count && !state.isOver && !stop.aborted) {
      const run = state.next++
      onEvent({ kind: 'begin', number: run, job: number })
      const result = await oneRun(lab, request, {
        ...{ kernel, stop, jobs, stdin: options.stdin?.() },
        onEvent: run === 1 ? pass : (event) => event.kind === 'waiting' && pass(event),
      })
      if (stop.aborted) return
      tally.add(result)
      onEvent({ kind: 'end', number: run, job: number, result })
      if (options.isLast(result)) state.isOver = true
    }
  }
  const guarded = (number: number) =>
    job(number).catch((error: unknown) => {
      // What keeps one VM from coming to be keeps the others as well.
      state.isOver = true
      throw error
    })
  const ends = await Promise.allSettled(
    Array.from({ length: jobs }, (_, index) => guarded(index + 1)),
  )
  for (const end of ends) if (end.status === 'rejected') throw end.reason
  return tally.summary({ asked: options.count, isStopped: stop.aborted })
}

async function oneRun(
  lab: Lab,
  request: RunRequest,
  parts: {
    readonly kernel: Kernel
    readonly stop: AbortSignal
    readonly jobs: number
    readonly onEvent: OnEvent
    readonly stdin: AsyncIterable<Uint8Array> | undefined
  },
): Promise<RunResult> {
  const { kernel, stop, jobs, onEvent, stdin } = parts
  // Its own, so that nothing of a run that is over hangs on the signal of all.
  const own = new AbortController()
  const onStop = () => own.abort(stop.reason)
  stop.addEventListener('abort', onStop, { once: true })
  const interrupts: Interrupts = { onSignal: () => undefined, stop: own.signal }
  // Its output is in its directory.
  const terminal: Terminal = { stdout: ignored, stderr: ignored, ...(stdin && { stdin }) }
  try {
    return await runOnKernel(lab, request, {
      ...{ kernel, terminal, interrupts, onEvent, batch: { jobs } },
    })
  } finally {
    stop.removeEventListener('abort', onStop)
  }
}

const ignored = () => undefined
