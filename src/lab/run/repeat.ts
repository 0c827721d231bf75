import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { once } from 'node:events'

import { cpuCount } from '../../host/index.ts'
import { chooseKernel } from '../kernels/choose-kernel.ts'
import type { Interrupts, Terminal } from '../session/terminal.ts'
import type { Lab } from '../session/context.ts'
import type { LabEvent, OnEvent } from '../outcome/events.ts'
import { describeOutcome } from '../outcome/outcome.ts'
import { admission } from '../schedule/admission.ts'
import type { RunRequest } from '../spec/run-request.ts'
import { checkRequest, runOnKernel, type RunResult } from './run.ts'

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
  /** Too little memory for another VM beside those that run. */
  | { readonly kind: 'wait'; readonly availableMiB: number }
  | { readonly kind: 'event'; readonly event: LabEvent }

export interface RepeatSummary {
  readonly asked: number
  readonly runs: number
  readonly passed: number
  readonly medianMs: number
  readonly p95Ms: number
  /** Each way in which runs ended, the most frequent first. */
  readonly outcomes: readonly {
    readonly what: string
    readonly count: number
    /** One run that ended so. */
    readonly id: string
  }[]
  readonly exitCode: number
}

/** The same command in one pristine VM after another, several at a time. Each is recorded, its output in its directory. */
export async function repeatRun(
  lab: Lab,
  asked: RunRequest,
  options: RepeatOptions,
  stop: AbortSignal,
  onEvent: (event: RepeatEvent) => void,
): Promise<RepeatSummary> {
  checkRequest(lab, asked)
  const crowded = options.jobs * asked.machine.cpus > cpuCount()
  const request = { ...asked, crowded }
  const pass: OnEvent = (event) => onEvent({ kind: 'event', event })
  const kernel = await chooseKernel(lab, request.choice, { signal: stop, onEvent: pass })
  const results: RunResult[] = []
  const state = { next: 1, running: 0, isOver: false }
  const job = async (number: number) => {
    while (state.next <= options.count && !state.isOver && !stop.aborted) {
      const run = state.next++
      const onWait = (availableMiB: number) => onEvent({ kind: 'wait', availableMiB })
      await admission(request.machine.memory, state, { stop, onWait })
      state.running++
      onEvent({ kind: 'begin', number: run, job: number })
      try {
        const result = await oneRun(lab, request, {
          ...{ kernel, stop, pass: run === 1 ? pass : quiet, stdin: options.stdin?.() },
        })
        if (stop.aborted) return
        results.push(result)
        onEvent({ kind: 'end', number: run, job: number, result })
        if (options.isLast(result)) state.isOver = true
      } catch (error) {
        // What keeps one VM from coming to be keeps the others as well.
        state.isOver = true
        throw error
      } finally {
        state.running--
      }
    }
  }
  const jobs = Math.max(1, Math.min(options.jobs, options.count))
  const ends = await Promise.allSettled(Array.from({ length: jobs }, (_, index) => job(index + 1)))
  for (const end of ends) if (end.status === 'rejected') throw end.reason
  return summarise(results, options.count, stop.aborted)
}

const quiet: OnEvent = () => undefined

async function oneRun(
  lab: Lab,
  request: RunRequest,
  parts: {
    readonly kernel: Awaited<ReturnType<typeof chooseKernel>>
    readonly stop: AbortSignal
    readonly pass: OnEvent
    readonly stdin: AsyncIterable<Uint8Array> | undefined
  },
): Promise<RunResult> {
  const { kernel, stop, pass, stdin } = parts
  // Its own, so that nothing of a run that is over hangs on the signal of all.
  const own = new AbortController()
  const onStop = () => own.abort(stop.reason)
  stop.addEventListener('abort', onStop, { once: true })
  const interrupts: Interrupts = { onSignal: () => undefined, stop: own.signal }
  const output = new OutputFiles()
  const onEvent = (event: LabEvent) => {
    if (event.kind === 'run') output.open(event.dir)
    pass(event)
  }
  try {
    const { stdout, stderr } = output
    const terminal: Terminal = { stdout, stderr, ...(stdin && { stdin }) }
    return await runOnKernel(lab, request, { kernel, terminal, interrupts, onEvent })
  } finally {
    stop.removeEventListener('abort', onStop)
    await output.close()
  }
}

/** Of each stream so much is kept: a thousand runs must not fill the disk. */
const MAX_OUTPUT = 4 * 1024 * 1024

/** The output of a run in its directory, for later. */
class OutputFiles {
  #files: Record<'stdout' | 'stderr', ReturnType<typeof createWriteStream>> | undefined
  readonly #written = { stdout: 0, stderr: 0 }

  open(dir: string): void {
    const create = (name: string) => createWriteStream(join(dir, name), { mode: 0o600 })
    this.#files = { stdout: create('stdout'), stderr: create('stderr') }
  }

  readonly stdout = (chunk: Buffer) => this.#write('stdout', chunk)
  readonly stderr = (chunk: Buffer) => this.#write('stderr', chunk)

  async close(): Promise<void> {
    const files = this.#files
    if (!files) return
    await Promise.all(
      [files.stdout, files.stderr].map(async (file) => {
        file.end()
        if (!file.closed) await once(file, 'close')
      }),
    )
  }

  #write(name: 'stdout' | 'stderr', chunk: Buffer): void {
    const part = chunk.subarray(0, Math.max(0, MAX_OUTPUT - this.#written[name]))
    this.#written[name] += part.length
    if (part.length > 0) this.#files?.[name].write(part)
  }
}

/** Pure. */
export function summarise(
  results: readonly RunResult[],
  asked: number,
  isStopped: boolean,
): RepeatSummary {
  const durations = results.map(({ durationMs }) => durationMs).toSorted((a, b) => a - b)
  const quantile = (q: number) =>
    durations[Math.min(durations.length - 1, Math.ceil(q * durations.length) - 1)] ?? 0
  const groups = Map.groupBy(results, ({ outcome }) => describeOutcome(outcome))
  const outcomes = [...groups]
    .map(([what, group]) => ({ what, count: group.length, id: group[0]?.id ?? '' }))
    .toSorted((a, b) => b.count - a.count)
  const failed = results.find(({ exitCode }) => exitCode !== 0)
  return {
    asked,
    runs: results.length,
    passed: results.filter(({ exitCode }) => exitCode === 0).length,
    medianMs: quantile(0.5),
    p95Ms: quantile(0.95),
    outcomes,
    exitCode: failed?.exitCode ?? (isStopped ? STOPPED : 0),
  }
}

/** 128 + SIGINT: as a shell says of what was interrupted. */
const STOPPED = 130
