import type { Command } from 'commander'

import { formatBytes, formatDuration, parseSizeBytes, UsageError } from '../../base/index.ts'
import { templates } from '../../lab/index.ts'
import { lookingLab } from '../lab.ts'
import { date } from '../render/date.ts'
import { printPruned } from '../render/pruned.ts'
import { table } from '../render/table.ts'
import { err, out } from '../render/print.ts'

export function addTemplateCommand(program: Command, finish: (code: number) => void): void {
  const template = program
    .command('template')
    .description('the frozen VMs from which runs are cloned')
    .addHelpText('after', '\nExamples:\n  klab template ls\n  klab template prune --size 0')
  template
    .command('ls')
    .description('all templates, used last first')
    .option('--json', 'as JSON')
    .action(async ({ json }: { json?: boolean }) => {
      await list({ isJson: json ?? false })
      finish(0)
    })
  template
    .command('show <template>')
    .description('all that is known of one template')
    .action(async (key: string) => {
      const { store } = await open()
      const facts = await store.get(key)
      out.json({ ...facts, directory: store.directory(facts.key) })
      finish(0)
    })
  template
    .command('rm <template...>')
    .description('remove templates; clones that run are not harmed, and the next run makes it anew')
    .action(async (keys: string[]) => {
      const { store } = await open()
      for (const key of keys) await store.remove(await store.keyOf(key))
      finish(0)
    })
  template
    .command('prune')
    .description('remove templates, used longest ago first, until they fit')
    .option('--size <size>', 'what they may take (default: limits.templates)')
    .option('--json', 'as JSON')
    .action(async ({ size, json }: { size?: string; json?: boolean }) => {
      const { lab, store } = await open()
      const limit = size === undefined ? lab.config.limits.templates : parseSizeBytes(size)
      if (limit === undefined)
        throw new UsageError(`--size ${size} is not a size such as 500M or 4G`)
      const removed = await store.prune(limit)
      const keptBytes = (await store.list()).reduce((sum, { bytes }) => sum + bytes, 0)
      printPruned({ removed, keptBytes }, { json: json ?? false })
      finish(0)
    })
}

async function open() {
  const [lab, { TemplateStore }] = await Promise.all([lookingLab(), templates()])
  return { lab, store: new TemplateStore(lab) }
}

async function list({ isJson }: { isJson: boolean }): Promise<void> {
  const { store } = await open()
  const all = await store.list()
  for (const key of await store.damaged())
    err.line(
      `klab: the template ${key} is left out: it is damaged; klab template rm ${key} or klab template prune removes it`,
    )
  if (isJson) out.json(all)
  else
    out.line(
      table(
        ['key', 'kernel', 'machine', 'size', 'made in', 'last used'],
        all.map(({ key, kernel, machine, bytes, madeMs, usedAt }) => [
          ...[key, kernel, `${machine.type}, ${machine.cpus} CPUs, ${machine.memoryMiB} MiB`],
          ...[formatBytes(bytes), formatDuration(madeMs)],
          date(usedAt.toISOString()),
        ]),
      ),
    )
}
