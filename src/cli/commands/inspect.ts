import type { Command } from 'commander'
import { existsSync } from 'node:fs'

import { formatBytes, formatDuration, InfraError, shown, UsageError } from '../../base/index.ts'
import {
  debugging,
  dumps,
  vmMemory,
  vms,
  type Inspection,
  type NamedVm,
  type Paths,
} from '../../lab/index.ts'
import { processInterrupts } from '../interrupts.ts'
import { audited } from '../audited.ts'
import { currentPaths } from '../lab.ts'
import { oneOf } from '../options.ts'
import { Progress } from '../render/progress.ts'
import { table } from '../render/table.ts'
import { out } from '../render/print.ts'

interface InspectFlags {
  readonly vmlinux?: string
  readonly tasks?: boolean
  readonly stacks?: boolean
  readonly with?: string
  readonly json?: boolean
}

const HELP = `
Without --vmlinux klab looks for the one with the dump's build id: among the kernels that it has built, beside the VM's image or the
dump, and where packages with debug information put it. A VM stands still while its
memory is copied, and runs on; drgn (0.2 and later) looks at it while it runs, or hangs, and copies nothing.

Examples:
  klab inspect box.dump
  klab inspect box --tasks
  klab inspect vmcore --vmlinux /usr/lib/debug/boot/vmlinux-6.1.0 --stacks
  klab inspect vmcore --with crash
  klab inspect box --with drgn`

export function addInspectCommand(program: Command, finish: (code: number) => void): void {
  program
    .command('inspect <dump|vm>')
    .summary('what a kernel was doing: CPUs, tasks, stacks, memory')
    .description(
      'what a kernel was doing: CPUs, tasks, stacks, modules and memory, of a dump or a VM',
    )
    .option('--vmlinux <file>', 'the vmlinux of its kernel, with debug information')
    .option('--tasks', 'list all tasks')
    .option(
      '--stacks',
      'the stacks of all sleeping tasks, not only of those that wait in the kernel (D)',
    )
    .option('--with <crash|drgn|gdb>', 'open this tool, with the right files')
    .option('--json', 'as JSON')
    .addHelpText('after', HELP)
    .action(async (what: string, flags: InspectFlags) => finish(await inspect(what, flags)))
}

async function inspect(what: string, flags: InspectFlags): Promise<number> {
  const paths = await currentPaths()
  if (existsSync(what)) return await inspectFile(paths, what, flags)
  const vm = await liveVm(paths, what)
  const searchPath = process.env['PATH']
  const { attachDrgn, canAttach, vmlinuxOfVm } = await debugging()
  if (flags.with === 'drgn' && (await canAttach(searchPath))) {
    await audited({ what: 'debug', subject: what, detail: 'drgn' })
    return await attachDrgn(paths, vm, { vmlinux: flags.vmlinux, searchPath })
  }
  const { withVmMemory } = await vmMemory()
  using progress = new Progress()
  using interrupts = processInterrupts(() => undefined)
  return await withVmMemory(paths, vm, {
    signal: interrupts.stop,
    onProgress: (done, total) =>
      progress.show(`copying memory: ${formatBytes(done)} of ${formatBytes(total)}`),
    use: async (dump) => {
      progress.clear()
      // The kernel may be gone since: then what has the dump's build id is looked for.
      const found = flags.vmlinux ?? (await vmlinuxOfVm(paths, vm).catch(() => undefined))
      return await inspectFile(paths, dump, {
        ...flags,
        ...(found !== undefined && { vmlinux: found }),
      })
    },
  })
}

async function liveVm(paths: Paths, name: string): Promise<NamedVm> {
  const { VmRegistry } = await vms()
  const registry = new VmRegistry(paths)
  if (registry.find(name)) return registry.getLive(name)
  throw new InfraError('INSPECT', `there is no dump and no VM ${name}; klab ps lists the VMs`)
}

async function inspectFile(paths: Paths, dump: string, flags: InspectFlags): Promise<number> {
  const useCases = await dumps()
  if (flags.with !== undefined) {
    if (flags.json) throw new UsageError('--with opens a tool, and --json prints: only one of them')
    const tool = oneOf('--with', flags.with, useCases.DUMP_TOOLS)
    return await useCases.openWith(paths, tool, {
      ...{ dump, vmlinux: flags.vmlinux, searchPath: process.env['PATH'] },
    })
  }
  const found = await (async () => {
    using progress = new Progress()
    return await useCases.inspectDump(paths, {
      ...{ dump, vmlinux: flags.vmlinux, allStacks: flags.stacks ?? false },
      onStep: (step) => progress.show(step),
    })
  })()
  if (flags.json) out.json(found)
  else print(found, flags)
  return 0
}

function print(found: Inspection, flags: InspectFlags): void {
  const { release, buildId, panic, uptime, lastLine, state } = found
  const facts = [
    ['release', release],
    ['build id', buildId],
    // Without the vmlinux nobody knows the uptime, and the log ends when nothing more is said.
    uptime === undefined
      ? ['last line', `${formatDuration(lastLine * 1000)} after the boot`]
      : ['uptime', formatDuration(uptime * 1000)],
    ['panic', panic],
  ] as const
  for (const [name, value] of facts) if (value !== undefined) out.line(`${name.padEnd(9)} ${value}`)
  if (typeof state === 'string') {
    out.line(shown`\n${state}`)
    return
  }
  const { cpus, stacks, tasks, modules, memory } = state
  for (const { cpu, task, panicked, stack } of cpus) {
    const why = panicked ? ', panicked' : ''
    out.line(shown`\nCPU ${cpu}${why}: ${task.command} (${task.pid})`)
    for (const line of stack) out.line(line)
  }
  for (const { task, stack } of stacks) {
    out.line(shown`\n${task.command} (${task.pid}) ${task.state}`)
    for (const line of stack) out.line(line)
  }
  const states = Object.entries(Object.groupBy(tasks, (task) => task.state))
    .map(([letter, some = []]) => `${some.length} ${letter}`)
    .join(', ')
  out.line(shown`\ntasks: ${tasks.length} (${states})`)
  if (flags.tasks) {
    const rows = tasks.map((task) => [
      String(task.pid),
      String(task.tgid),
      task.state + (task.onCpu ? '+' : ''),
      task.isKernel ? `[${task.command}]` : task.command,
    ])
    out.line(table(['pid', 'process', 'state', 'command'], rows))
  }
  out.line(
    `modules: ${modules.map(({ name, bytes }) => `${name} (${formatBytes(bytes)})`).join(', ') || 'none'}`,
  )
  out.line(
    `memory: ${Object.entries(memory)
      .map(([name, bytes]) => `${name} ${formatBytes(bytes)}`)
      .join(', ')}`,
  )
}
