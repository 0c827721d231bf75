import { hasFields, isRecord } from '../../base/index.ts'
import type { FoundReport } from '../../crash/index.ts'
import type { Outcome } from './outcome.ts'

/** What each outcome cannot be told without. */
const FIELDS = {
  exited: { code: 'number' },
  signalled: { signal: 'string', number: 'number' },
  crashed: { report: 'object' },
  hung: { silentMs: 'number' },
  'timed-out': { limitMs: 'number' },
  'boot-failed': { phase: 'string', reason: 'string' },
  lost: { reason: 'string' },
  'not-executed': { reason: 'string', code: 'number' },
} as const satisfies Record<Outcome['kind'], Readonly<Record<string, string>>>

/** Whether what was written down is an outcome, as far as it is told without looking again. */
export function isOutcome(value: unknown): value is Outcome {
  if (!isRecord(value)) return false
  const fields = Object.entries(FIELDS).find(([kind]) => kind === value['kind'])?.[1]
  const { report, hang } = value
  return (
    fields !== undefined &&
    Object.entries(fields).every(([name, type]) => typeof value[name] === type) &&
    (report === undefined || hasFields(report, { title: 'string' })) &&
    (hang === undefined || isHang(hang))
  )
}

function isHang(value: unknown): boolean {
  return (
    isRecord(value) &&
    [value['cpus'], value['tasks']].every((list) => Array.isArray(list) && list.every(isRecord))
  )
}

/** Whether what a keeper tells is a report, as far as it is shown without looking again. */
export function isFoundReport(value: unknown): value is FoundReport {
  return hasFields(value, { title: 'string', text: 'string', fingerprint: 'string' })
}
