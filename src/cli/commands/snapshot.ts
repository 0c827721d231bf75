import type { Command } from 'commander'

import { formatBytes, UsageError } from '../../base/index.ts'
import { ssh, vms, vmSnapshots, type LabEvent, type NamedVm } from '../../lab/index.ts'
import { processInterrupts } from '../interrupts.ts'
import { currentLab, currentPaths } from '../lab.ts'
import { Status } from '../render/status.ts'
import { date } from '../render/date.ts'
import { table } from '../render/table.ts'

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
  program
    .command('snapshot')
    .description(
      'write a running VM down as it is: snapshot VM NAME, snapshot ls VM, snapshot rm VM NAME',
    )
    .argument('<words...>', 'VM NAME, or ls VM, or rm VM NAME')
    .option('--json', 'with ls: as JSON')
    .addHelpText('after', HELP)
    .action(async (words: string[], flags: SnapshotFlags) => {
      await snapshot(words, flags)
      finish(0)
    })
}

interface SnapshotFlags {
  readonly json?: boolean
}

async function snapshot(words: readonly string[], { json }: SnapshotFlags): Promise<void> {
  const [paths, { VmRegistry }, { listSnapshots, removeSnapshot, takeSnapshot }] =
    await Promise.all([currentPaths(), vms(), vmSnapshots()])
  const registry = new VmRegistry(paths)
  const [first = '', second, third] = words
  if (first === 'ls' && second !== undefined && third === undefined) {
    const all = listSnapshots(paths, registry.get(second))
    if (json) console.log(JSON.stringify(all, null, 2))
    else
      console.log(
        table(
          ['name', 'size', 'taken'],
          all.map(({ name, bytes, createdAt }) => [...[name, formatBytes(bytes)], date(createdAt)]),
        ),
      )
  } else if (first === 'rm' && second !== undefined && third !== undefined) {
    removeSnapshot(paths, registry.get(second), third)
  } else if (second !== undefined && third === undefined) {
    const { name, bytes } = await takeSnapshot(paths, registry.getLive(first), second)
    console.log(`${name} (${formatBytes(bytes)})`)
  } else {
    throw new UsageError('klab snapshot VM NAME, klab snapshot ls VM, or klab snapshot rm VM NAME')
  }
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
    .command('fork <vm> [name]')
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
    console.log(next.name)
  } finally {
    status.clear()
  }
}
