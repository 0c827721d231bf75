import { field, formatDuration, joined, shown } from '../../base/index.ts'
import { describeOutcome } from '../../lab/index.ts'
import type { LabEvent, RepeatEvent, RepeatSummary } from '../../lab/index.ts'
import { cutTo } from './columns.ts'
import { few } from './few.ts'
import { err } from './print.ts'
import type { Status } from './status.ts'

/** How often the table is drawn again. */
const DRAW_EVERY_MS = 200

/** Repeated runs for people, on stderr: a table that lives on a terminal, a line for each run elsewhere. */
class RepeatTable implements Disposable {
  readonly #total: number
  readonly #isTerminal = err.isTerminal
  readonly #jobs = new Map<number, { number: number; startedAt: number }>()
  readonly #recent: string[] = []
  readonly #timer: NodeJS.Timeout | undefined
  #done = 0
  #passed = 0
  #drawn = 0
  #waits = ''
  #startedAt = performance.now()

  constructor(total: number) {
    this.#total = total
    if (this.#isTerminal) this.#timer = setInterval(() => this.#draw(), DRAW_EVERY_MS)
  }

  handle(event: Exclude<RepeatEvent, { kind: 'event' }>): void {
    switch (event.kind) {
      case 'begin':
        this.#jobs.set(event.job, { number: event.number, startedAt: performance.now() })
        return
      case 'end':
        this.#end(event)
        return
    }
  }

  /** A run waits for room; said once for as long as it is true of the same. */
  wait(why: string): void {
    if (why !== this.#waits) this.#say(why)
    this.#waits = why
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    this.#erase()
  }

  #end({ job, number, result }: Extract<RepeatEvent, { kind: 'end' }>): void {
    this.#jobs.delete(job)
    this.#done++
    if (result.exitCode === 0) this.#passed++
    const line = `#${number} ${describeOutcome(result.outcome)} (${formatDuration(result.durationMs)}, run ${result.id})`
    // On a terminal the table shows the good ones as a count.
    if (!this.#isTerminal || result.exitCode !== 0) this.#say(line)
  }

  #say(line: string): void {
    if (!this.#isTerminal) {
      err.line(`klab: ${line}`)
      return
    }
    this.#recent.push(line)
    this.#recent.splice(0, Math.max(0, this.#recent.length - 5))
  }

  #draw(): void {
    const elapsed = performance.now() - this.#startedAt
    const left = this.#done > 0 ? (elapsed / this.#done) * (this.#total - this.#done) : undefined
    const eta = left === undefined ? '' : `, ${formatDuration(left)} left`
    const jobs = [...this.#jobs]
      .toSorted(([a], [b]) => a - b)
      .map(
        ([job, { number, startedAt }]) =>
          `  job ${job}  #${number}  ${formatDuration(performance.now() - startedAt)}`,
      )
    const lines = [
      `klab: ${this.#done}/${this.#total} done, ${this.#passed} passed, ${this.#done - this.#passed} failed${eta}`,
      ...jobs,
      ...this.#recent.map((line) => `  ${line}`),
    ].map((line) => cutTo(field(line), err.columns))
    this.#erase()
    err.part(shown`${joined(lines, '\n')}\n`)
    this.#drawn = lines.length
  }

  #erase(): void {
    if (this.#drawn > 0) err.part(shown`\u001b[${this.#drawn}A\u001b[J`)
    this.#drawn = 0
  }
}

/** Shows on stderr how a command is repeated, until it is done. Of the first run it says what concerns all. */
export async function withTable<Summary>(
  total: number,
  { status, quiet }: { readonly status: Status; readonly quiet: boolean },
  repeat: (onEvent: (event: RepeatEvent) => void) => Promise<Summary>,
): Promise<Summary> {
  using table = new RepeatTable(total)
  return await repeat((event) => {
    if (event.kind !== 'event') {
      if (!quiet) table.handle(event)
    } else if (event.event.kind === 'waiting') {
      if (!quiet) table.wait(event.event.why)
    } else if (SAID_ONCE.includes(event.event.kind)) status.handle(event.event)
  })
}

const SAID_ONCE: readonly LabEvent['kind'][] = ['note', 'build', 'accelerator', 'template']

/** The end of it, in a few lines. */
export function summaryLines(summary: RepeatSummary): string[] {
  const { runs, asked, passed } = summary
  const rate = runs === 0 ? 0 : (passed / runs) * 100
  return [
    `${passed} of ${runs} passed (${rate.toFixed(1)} %)${runs < asked ? `; ${asked - runs} not run` : ''}`,
    ...outcomeLines(summary),
  ]
}

/** How long they took, and each way in which they ended. */
export function outcomeLines({ medianMs, p95Ms, outcomes }: RepeatSummary): string[] {
  return [
    `took: median ${formatDuration(medianMs)}, 95 % within ${formatDuration(p95Ms)}`,
    ...few(
      outcomes.map(({ what, count, id }) => `${String(count).padStart(5)} x ${what} (run ${id})`),
    ),
  ]
}
