import { formatDuration, shown } from '../../base/index.ts'
import { crashes } from '../../lab/index.ts'
import { lookingLab } from '../lab.ts'
import { oneOf } from '../options.ts'
import { date } from '../render/date.ts'
import { table } from '../render/table.ts'
import { err, out } from '../render/print.ts'

interface Json {
  readonly json?: boolean
}

/** Crashes of all runs, one line each. */
export async function list({
  all = false,
  json,
}: Json & { readonly all?: boolean }): Promise<void> {
  const { lab, useCases } = await open()
  const known = await useCases.listCrashes(lab)
  const listed = all ? known : known.filter(({ allowed }) => allowed === undefined)
  if (json) {
    out.json(listed)
    return
  }
  const hidden = known.length - listed.length
  if (listed.length === 0) out.line('no crashes')
  else {
    const rows = listed.map(({ fingerprint, severity, allowed, ...row }) => [
      fingerprint.slice(0, 8),
      String(row.runs),
      date(row.firstSeen),
      date(row.lastSeen),
      severity,
      allowed === undefined ? row.title : `${row.title} (ignored: ${allowed})`,
    ])
    out.line(table(['id', 'runs', 'first seen', 'last seen', 'severity', 'title'], rows))
  }
  if (hidden > 0) err.line(`klab: ${hidden} ignored by the configuration; --all shows them`)
}

/** One crash, in one of the formats. */
export async function show(
  wanted: string,
  { json = false, format = 'text' }: Json & { readonly format?: string },
): Promise<void> {
  const { lab, useCases } = await open()
  const name = oneOf('--format', json ? 'json' : format, useCases.CRASH_FORMAT_NAMES)
  out.part(useCases.CRASH_FORMATS[name](await useCases.showCrash(lab, wanted)))
}

/** The runs that saw a crash. */
export async function runs(wanted: string, { json }: Json): Promise<void> {
  const { lab, useCases } = await open()
  const { seenBy } = await useCases.showCrash(lab, wanted)
  if (json) {
    out.json(seenBy)
    return
  }
  const rows = seenBy.map(({ id, startedAt, durationMs, release, argv }) => [
    id,
    date(startedAt),
    durationMs === null ? '' : formatDuration(durationMs),
    release ?? '',
    argv.join(' '),
  ])
  out.line(table(['id', 'started', 'took', 'release', 'command'], rows))
}

/** Two crashes side by side. */
export async function compare(one: string, other: string, { json }: Json): Promise<void> {
  const { lab, useCases } = await open()
  const comparison = useCases.compareCrashes(
    await useCases.showCrash(lab, one),
    await useCases.showCrash(lab, other),
  )
  if (json) {
    out.json(comparison)
    return
  }
  const { fields, frames, isSame } = comparison
  const rows = fields.map((field) => [
    field.name,
    field.one === field.other ? '' : '≠',
    field.one,
    field.other,
  ])
  const stack = frames.map((frame) => [
    '',
    frame.one === frame.other ? '' : '≠',
    frame.one ?? '',
    frame.other ?? '',
  ])
  out.line(table(['', '', one, other], [...rows, ['stack', '', '', ''], ...stack]))
  out.line(isSame ? shown`\nthe same crash` : shown`\ntwo crashes`)
}

async function open() {
  const [lab, useCases] = await Promise.all([lookingLab(), crashes()])
  return { lab, useCases }
}
