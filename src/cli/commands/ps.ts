import type { Command } from 'commander'

import { formatBytes, formatDuration } from '../../base/index.ts'
import { describeOutcome, vms, type NamedVm, type VmUsage } from '../../lab/index.ts'
import { currentPaths } from '../lab.ts'
import { table } from '../render/table.ts'
import { err, out } from '../render/print.ts'

export function addPsCommand(program: Command, finish: (code: number) => void): void {
  program
    .command('ps')
    .description('the VMs that stay: what they do and what they take')
    .option('--json', 'as JSON')
    .option('-q, --quiet', 'names alone')
    .option('--live', 'only those that run')
    .addHelpText('after', '\nExamples:\n  klab ps\n  klab ps --live -q | xargs -n 1 klab stop')
    .action(async (flags: { json?: boolean; quiet?: boolean; live?: boolean }) => {
      await list(flags)
      finish(0)
    })
}

async function list(flags: { json?: boolean; quiet?: boolean; live?: boolean }): Promise<void> {
  const [paths, { usageOf, VmRegistry }] = await Promise.all([currentPaths(), vms()])
  const registry = new VmRegistry(paths)
  for (const name of registry.damaged())
    err.line(
      `klab: the VM ${name} is left out: its record is damaged; klab rm --force ${name} removes it`,
    )
  const all = registry
    .list()
    .filter(({ state }) => !flags.live || state !== 'stopped')
    .map((vm) => ({ ...vm, usage: usageOf(paths, vm) }))
  if (flags.json) out.json(all)
  else if (flags.quiet) for (const { name } of all) out.line(name)
  else
    out.line(
      table(
        ['name', 'state', 'up', 'cpu', 'memory', 'disk', 'kernel', 'last outcome'],
        all.map(row),
      ),
    )
}

function row(vm: NamedVm & { usage: VmUsage | undefined }): string[] {
  const { usage } = vm
  const up = vm.state === 'stopped' || !vm.startedAt ? '' : formatDuration(age(vm.startedAt))
  return [
    ...[vm.name, vm.state, up],
    usage ? formatDuration(usage.cpuMs) : '',
    usage ? formatBytes(usage.memoryKiB * 1024) : '',
    usage ? formatBytes(usage.diskBytes) : '',
    vm.release ?? vm.kernel,
    lastSaid(vm),
  ]
}

/** How it has ended; of one that lives, what its kernel has complained of. */
function lastSaid({ state, outcome, complaint }: NamedVm): string {
  if (state !== 'stopped' && complaint !== undefined) return `complained: ${complaint}`
  return outcome ? describeOutcome(outcome) : ''
}

function age(since: string): number {
  return Date.now() - Date.parse(since)
}
