import type { Command } from 'commander'

import { parseDurationMs, UsageError } from '../../base/index.ts'
import { auditing } from '../../lab/index.ts'
import { currentPaths } from '../lab.ts'
import { date } from '../render/date.ts'
import { table } from '../render/table.ts'
import { err, out } from '../render/print.ts'

interface Flags {
  readonly since?: string
  readonly json?: boolean
}

const HELP = `
Trust in files of projects; rw shares, rw disks, ports, bridges and screens of VMs; exec, shell and ssh into VMs; files and memory that were taken out of
them. The log is a file of lines of JSON (state/audit/audit.log) that klab only ever appends to; of the older ones 8 MiB are kept.

Examples:
  klab audit --since 2h
  klab audit --since 2026-11-01 --json`

export function addAuditCommand(program: Command, finish: (code: number) => void): void {
  program
    .command('audit')
    .summary('who touched this machine, or entered a VM, and when')
    .description(
      'what has touched this machine, or let somebody into a VM: who, when, what, from where',
    )
    .option('--since <time>', 'only what is not older: 90m, 2h, or a date such as 2026-11-01')
    .option('--json', 'as JSON')
    .addHelpText('after', HELP)
    .action(async (flags: Flags) => {
      await print(flags)
      finish(0)
    })
}

async function print({ since, json }: Flags): Promise<void> {
  const from = since === undefined ? undefined : sinceOf(since, Date.now())
  const [paths, { readAudit }] = await Promise.all([currentPaths(), auditing()])
  const { entries, damaged } = readAudit({ paths }, from)
  if (json) out.json(entries)
  else
    out.line(
      table(
        ['when', 'who', 'what', 'about', 'detail', 'from'],
        entries.map(({ at, who, what, subject, detail, from: place }) => [
          ...[date(at), who.user ?? String(who.uid), what, subject, detail],
          [place.ssh, place.tty, place.parent, place.cwd].filter(Boolean).join(', '),
        ]),
      ),
    )
  if (damaged > 0) err.line(`klab: ${damaged} lines of the audit log cannot be read`)
}

function sinceOf(text: string, now: number): Date {
  const ms = parseDurationMs(text)
  const time = ms === undefined ? Date.parse(text) : now - ms
  if (!Number.isNaN(time)) return new Date(time)
  throw new UsageError(
    `--since ${text} is neither a time span such as 2h nor a date such as 2026-11-01`,
  )
}
