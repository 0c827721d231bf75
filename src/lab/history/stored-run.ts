import { isRecord, isStringList, tryDecodeJson } from '../../base/index.ts'
import type { RunRow } from '../../store/index.ts'
import { isOutcome } from '../outcome/is-outcome.ts'
import type { Outcome } from '../outcome/outcome.ts'
import { keptEnv } from './kept-env.ts'
import type { RecordedRequest } from './run-record.ts'

/** How a run ended; null while it goes on. What cannot be read, by damage or because a newer klab has more outcomes, is lost. */
export function outcomeOfRow({ outcome, detail }: RunRow): Outcome | null {
  if (outcome === null) return null
  const stored = detail === null ? undefined : tryDecodeJson(detail, isOutcome)
  return stored ?? { kind: 'lost', reason: `its record says "${outcome}", and no more is readable` }
}

/** What was asked for; undefined for what cannot be asked for again. */
export function requestOfRow({ request }: RunRow): RecordedRequest | undefined {
  return request === null ? undefined : recordedRequest(request)
}

/** As klabs before this one wrote it as well, which kept values: they are not shown, nor used. */
export function recordedRequest(text: string): RecordedRequest | undefined {
  const asked = tryDecodeJson(text, isRecordedRequest)
  if (!asked) return undefined
  const { request } = asked
  const { env, unkept } = keptEnv(request.command.env)
  return {
    ...{ ...asked, unkept: [...(asked.unkept ?? []), ...unkept] },
    request: { ...request, command: { ...request.command, env } },
  }
}

/** A list of words in a column; empty if it cannot be read. */
export function wordsOf(text: string | null): readonly string[] {
  return text === null ? [] : (tryDecodeJson(text, isStringList) ?? [])
}

/** An object in a column; empty if it cannot be read. */
export function recordOf(text: string | null): Readonly<Record<string, unknown>> {
  return text === null ? {} : (tryDecodeJson(text, isRecord) ?? {})
}

/** Times in a column; empty if they cannot be read. */
export function timesOf(text: string | null): Readonly<Record<string, number>> {
  return text === null ? {} : (tryDecodeJson(text, isTimes) ?? {})
}

function isTimes(value: unknown): value is Record<string, number> {
  return isRecord(value) && Object.values(value).every((time) => typeof time === 'number')
}

/** A request as this klab writes it, as far as it is used without looking again. */
function isRecordedRequest(
  value: unknown,
): value is Omit<RecordedRequest, 'unkept'> & Partial<RecordedRequest> {
  if (!isRecord(value) || !isRecord(value['request'])) return false
  const { vm, command, judge } = value['request']
  const { unkept } = value
  return (
    (unkept === undefined || isStringList(unkept)) &&
    isRecord(vm) &&
    isRecord(vm['kernel']) &&
    isRecord(vm['machine']) &&
    isRecord(vm['root']) &&
    Array.isArray(vm['shares']) &&
    Array.isArray(vm['networks']) &&
    isRecord(command) &&
    isStringList(command['argv']) &&
    isStringList(command['env']) &&
    typeof command['user'] === 'string' &&
    isRecord(judge) &&
    isRecord(judge['limits']) &&
    Array.isArray(judge['allowReports'])
  )
}
