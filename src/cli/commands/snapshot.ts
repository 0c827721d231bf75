import type { Command } from 'commander'

import { formatBytes, UsageError } from '../../base/index.ts'
import { ssh, vms, vmSnapshots, type LabEvent, type NamedVm } from '../../lab/index.ts'
import { processInterrupts } from '../interrupts.ts'
import { currentLab, currentPaths } from '../lab.ts'
import { Status } from '../render/status.ts'
import { date } from '../render/date.ts'
import { table } from '../render/table.ts'
import { out } from '../render/print.ts'

type Finish = (code: number) => void

const HELP = `
A snapshot holds memory and devices, and so all of a VM that runs from memory alone: one with --root none and without
shares. VMs that see this machine's files cannot be copied; klab run gives each run a pristine clone of them instead.

Examples:
  klab start box --root none ; klab cp ./repro box:/repro
  klab snapshot box before
  klab restore box before
  klab snapshot ls box ; klab snapshot rm box before`

export function addSnapshotCommand(program: Command, finish: Finish): void {
  const snapshot = program
    .command('snapshot <vm> <new-name>')
    .description('write a running VM down as it is, memory and all; it goes on')
    .addHelpText('after', HELP)
    .action((vm: string, name: string) => take(vm, name).then(() => finish(0)))
  snapshot
    .command('ls <vm>')
    .description('list the snapshots of a VM')
    .option('--json', 'as JSON')
    .action((vm: string, flags: SnapshotFlags) => list(vm, flags).then(() => finish(0)))
  snapshot
    .command('rm <vm> <snapshot>')
    .description('remove a snapshot')
    .action((vm: string, name: string) => remove(vm, name).then(() => finish(0)))
}

interface SnapshotFlags {
  readonly json?: boolean
}

async function open() {
  const [paths, { VmRegistry }, useCases] = await Promise.all([
    currentPaths(),
    vms(),
    vmSnapshots(),
  ])
  return { paths, registry: new VmRegistry(paths), ...useCases }
}

async function take(vm: string, wish: string): Promise<void> {
  const { paths, registry, takeSnapshot } = await open()
  const { name, bytes } = await takeSnapshot(paths, registry.getLive(vm), wish)
  out.line(`${name} (${formatBytes(bytes)})`)
}

async function list(vm: string, { json }: SnapshotFlags): Promise<void> {
  const { paths, registry, listSnapshots } = await open()
  const all = listSnapshots(paths, registry.get(vm))
  const rows = all.map(({ name, bytes, createdAt }) => [name, formatBytes(bytes), date(createdAt)])
  if (json) out.json(all)
  else out.line(table(['name', 'size', 'taken'], rows))
}

async function remove(vm: string, name: string): Promise<void> {
  const { paths, registry, removeSnapshot } = await open()
  removeSnapshot(paths, registry.get(vm), name)
}

export function addRestoreCommand(program: Command, finish: Finish): void {
  program
    .command('restore <vm> <snapshot>')
    .description('let a VM go on from a snapshot; what it did since is lost')
    .action(async (vm: string, name: string) => {
      const { restoreSnapshot } = await vmSnapshots()
      await changed(vm, (lab, found, parts) =>
        restoreSnapshot(lab, { vm: found, snapshot: name }, parts),
      )
      finish(0)
    })
}

export function addForkCommand(program: Command, finish: Finish): void {
  program
    .command('fork <vm> [new-name]')
    .summary('make a second VM of a running one, as it is now')
    .description('make a second VM of a running one; both go on from the same moment')
    .addHelpText('after', '\nExamples:\n  klab fork box box-b')
    .action(async (vm: string, name: string | undefined) => {
      const { forkVm } = await vmSnapshots()
      await changed(vm, (lab, found, parts) => {
        if (found.state === 'stopped') throw new UsageError(`the VM ${vm} does not run`)
        return forkVm(lab, { vm: found, wish: name }, parts)
      })
      finish(0)
    })
}

type Lab = Awaited<ReturnType<typeof currentLab>>

async function changed(
  name: string,
  change: (
    lab: Lab,
    vm: NamedVm,
    parts: { signal: AbortSignal; onEvent: (event: LabEvent) => void },
  ) => Promise<NamedVm>,
): Promise<void> {
  const [lab, { VmRegistry }] = await Promise.all([currentLab(), vms()])
  const status = new Status({ quiet: false, verbose: false })
  using interrupts = processInterrupts(() => undefined)
  const onEvent = (event: LabEvent) => status.handle(event)
  try {
    const vm = new VmRegistry(lab.paths).get(name)
    const next = await change(lab, vm, { signal: interrupts.stop, onEvent })
    await (await ssh()).refreshSshConfig(lab.paths, lab.env['KLAB_HOME'])
    status.clear()
    out.line(next.name)
  } finally {
    status.clear()
  }
}
