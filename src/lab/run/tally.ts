import { describeOutcome } from '../outcome/outcome.ts'
import type { RunResult } from './run.ts'

/** How repeated runs went. */
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

/** 128 + SIGINT: as a shell says of what was interrupted. */
const STOPPED = 130

/** So many ways to end are told apart; a guest that makes up a new one each time fills no memory with them. */
const MAX_WAYS = 1_000
const OTHER_WAYS = 'ended in yet other ways'

/** Counts runs as they end, and keeps nothing else of them. */
export class Tally {
  readonly #durations: number[] = []
  readonly #ways = new Map<string, { count: number; id: string }>()
  #passed = 0
  #firstFailure: number | undefined

  add({
    id,
    outcome,
    exitCode,
    durationMs,
  }: Pick<RunResult, 'id' | 'outcome' | 'exitCode' | 'durationMs'>): void {
    this.#durations.push(durationMs)
    if (exitCode === 0) this.#passed++
    else this.#firstFailure ??= exitCode
    const said = describeOutcome(outcome)
    const what = this.#ways.has(said) || this.#ways.size < MAX_WAYS ? said : OTHER_WAYS
    const way = this.#ways.get(what)
    if (way) way.count++
    else this.#ways.set(what, { count: 1, id })
  }

  summary({ asked, isStopped }: { asked: number; isStopped: boolean }): RepeatSummary {
    const durations = this.#durations.toSorted((a, b) => a - b)
    const quantile = (q: number) =>
      durations[Math.min(durations.length - 1, Math.ceil(q * durations.length) - 1)] ?? 0
    return {
      asked,
      runs: durations.length,
      passed: this.#passed,
      medianMs: quantile(0.5),
      p95Ms: quantile(0.95),
      outcomes: [...this.#ways]
        .map(([what, { count, id }]) => ({ what, count, id }))
        .toSorted((a, b) => b.count - a.count),
      exitCode: this.#firstFailure ?? (isStopped ? STOPPED : 0),
    }
  }
}
