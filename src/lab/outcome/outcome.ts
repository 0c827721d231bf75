import { constants } from 'node:os'

import { formatDuration, unreachable } from '../../base/index.ts'
import type { FoundReport } from '../../crash/index.ts'
import type { Phase } from '../../vm/index.ts'
import type { Hang } from './hang.ts'

/** How a run ended. */
export type Outcome =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'signalled'; readonly signal: string; readonly number: number }
  | { readonly kind: 'crashed'; readonly report: FoundReport }
  | { readonly kind: 'hung'; readonly silentMs: number; readonly hang?: Hang }
  | { readonly kind: 'timed-out'; readonly limitMs: number; readonly hang?: Hang }
  | {
      readonly kind: 'boot-failed'
      readonly phase: Phase
      readonly reason: string
      readonly lastLines: readonly string[]
      /** Of one that came to a standstill. */
      readonly hang?: Hang
    }
  | { readonly kind: 'lost'; readonly reason: string }
  /** The command itself could not be started. */
  | { readonly kind: 'not-executed'; readonly reason: string; readonly code: 126 | 127 }

/** What `klab run` exits with; `git bisect run` understands it. */
export function exitCodeOf(outcome: Outcome): number {
  switch (outcome.kind) {
    case 'exited':
    case 'not-executed':
      return outcome.code
    case 'signalled':
      return 128 + outcome.number
    case 'crashed':
      return 100
    case 'hung':
    case 'timed-out':
      return 124
    case 'boot-failed':
    case 'lost':
      return 125
    default:
      return unreachable(outcome)
  }
}

/** SIGKILL for 9. */
export function signalName(number: number): string {
  const found = Object.entries(constants.signals).find(([, value]) => value === number)
  return found?.[0] ?? `signal ${number}`
}

/** One line for people. */
export function describeOutcome(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'exited':
      return outcome.code === 0 ? 'exited 0' : `exited ${outcome.code}`
    case 'signalled':
      return `ended by ${outcome.signal}`
    case 'crashed':
      return `crashed: ${outcome.report.title}`
    case 'hung':
      return `hung: silent for ${formatDuration(outcome.silentMs)}${describeHang(outcome.hang)}`
    case 'timed-out':
      return `timed out after ${formatDuration(outcome.limitMs)}${describeHang(outcome.hang)}`
    case 'boot-failed':
      return `boot failed (${outcome.phase}): ${outcome.reason}${describeHang(outcome.hang)}`
    case 'lost':
      return `lost: ${outcome.reason}`
    case 'not-executed':
      return outcome.reason
  }
}

/** Whether two runs ended in the same way: the same code, signal, phase, or crash. Durations and texts do not matter. */
export function isSameOutcome(one: Outcome, other: Outcome): boolean {
  return telling(one) === telling(other)
}

function telling(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'exited':
    case 'not-executed':
      return `${outcome.kind} ${outcome.code}`
    case 'signalled':
      return `signalled ${outcome.number}`
    case 'crashed':
      return `crashed ${outcome.report.fingerprint}`
    case 'boot-failed':
      return `boot-failed ${outcome.phase}`
    case 'hung':
    case 'timed-out':
    case 'lost':
      return outcome.kind
  }
}

function describeHang(hang: Hang | undefined): string {
  if (!hang) return ''
  const busy = hang.cpus.filter(({ at }) => at !== 'idle').map(({ cpu, at }) => `CPU ${cpu} ${at}`)
  const waiting = hang.tasks
    .filter(({ state }) => state === 'D')
    .map(
      ({ command, pid, function: name = 'the kernel', awaits }) =>
        `${command} (${pid}) waits${awaits === undefined ? '' : ` for ${awaits}`} in ${name}`,
    )
  const all = [...busy, ...waiting]
  return all.length === 0 ? '' : `; ${all.slice(0, 4).join(', ')}`
}
