import { isRecord, isStringList, tryDecodeJson } from '../base/index.ts'

/**
 * What a run was asked for, as it is kept, with the names of its variables and without their values: older klabs kept those too. Null for what cannot be
 * read, for values may be in it. Pure.
 */
export function withoutValues(kept: string | null): string | null {
  const record = kept === null ? undefined : tryDecodeJson(kept, isRecord)
  if (!record || !isRecord(record['request'])) return null
  const { request, unkept } = record
  const before = isStringList(unkept) ? unkept : []
  const names = new Set(before)
  const bare = (holder: unknown): unknown => {
    if (!isRecord(holder) || !isStringList(holder['env'])) return holder
    const { env } = holder
    for (const item of env) if (item.includes('=')) names.add(nameOf(item))
    return { ...holder, env: [...new Set(env.map(nameOf))] }
  }
  // Beside the command, of klabs before it was one.
  const asked = { ...(bare(request) as object), command: bare(request['command']) }
  return JSON.stringify({ ...record, request: asked, unkept: [...names] })
}

function nameOf(item: string): string {
  return item.split('=', 1)[0] ?? ''
}
