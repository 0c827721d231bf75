import type { Command } from 'commander'
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

import { InfraError } from '../../base/index.ts'
import {
  debugging,
  machines,
  specs,
  vmStarting,
  vms,
  type LabEvent,
  type NamedVm,
} from '../../lab/index.ts'
import { processInterrupts } from '../interrupts.ts'
import { audited } from '../audited.ts'
import { currentLab, currentPaths } from '../lab.ts'
import {
  addKernelOptions,
  addMachineOptions,
  collect,
  kernelChoice,
  machineInput,
  type KernelFlags,
  type MachineFlags,
} from '../options.ts'
import { Status } from '../render/status.ts'

interface DebugFlags extends KernelFlags, MachineFlags {
  readonly break: readonly string[]
}

const HELP = `
"klab debug run" starts a VM that waits before its first instruction; it is gone when gdb ends. While the kernel runs,
klab exec and klab shell reach it from another terminal under the name that is shown. What follows -- is for gdb.

Examples:
  klab debug box --break do_sys_openat2
  klab debug run --break start_kernel
  klab debug run --kernel ./bzImage --break panic -- -batch -ex bt`

export function addDebugCommand(program: Command, finish: (code: number) => void): void {
  const command = program
    .command('debug')
    .description('gdb on a running VM, or on a kernel from its first instruction')
    .argument('<vm|run>', 'the VM, or run for a new one')
    .argument('[gdb arguments...]', 'for gdb, after --')
    .option('--break <symbol>', 'stop there, may be repeated', collect, [])
    .option('--kernel <kernel>', 'with run: a ready-made kernel')
  addKernelOptions(command)
  addMachineOptions(command)
    .addHelpText('after', HELP)
    .action(async (name: string, args: string[], flags: DebugFlags) =>
      finish(name === 'run' ? await debugNew(args, flags) : await debugRunning(name, args, flags)),
    )
}

async function debugRunning(
  name: string,
  args: readonly string[],
  { break: breaks }: DebugFlags,
): Promise<number> {
  const [paths, { VmRegistry }, { debugVm }] = await Promise.all([
    currentPaths(),
    vms(),
    debugging(),
  ])
  const status = new Status({ quiet: false, verbose: false })
  const vm = new VmRegistry(paths).getLive(name)
  await audited({ what: 'debug', subject: name, detail: ['gdb', ...args].join(' ') })
  // gdb's own: it stops the guest, and we must not go before it.
  process.on('SIGINT', () => undefined)
  return await debugVm(paths, vm, { breaks, args, onNote: (note) => status.line(note) })
}

async function debugNew(args: readonly string[], flags: DebugFlags): Promise<number> {
  const [lab, { startKept }, { endVm, VmRegistry }, { debugVm, gdbSocket }] = await Promise.all([
    currentLab(),
    vmStarting(),
    vms(),
    debugging(),
  ])
  const [{ machineFor }, { vmSpecOf }] = await Promise.all([machines(), specs()])
  const status = new Status({ quiet: false, verbose: false })
  const input = machineInput(flags)
  const parameters = [
    ...(input.parameters ?? []),
    ...(flags.append.includes('kaslr') ? [] : ['nokaslr']),
  ]
  const registry = new VmRegistry(lab.paths)
  let vm: NamedVm
  {
    using interrupts = processInterrupts(() => undefined)
    vm = await startKept(
      lab,
      {
        name: registry.freeName('debug'),
        vm: vmSpecOf(await machineFor(lab.config, flags.machine, { ...input, parameters }), {
          ...{ kernel: kernelChoice(flags), cwd: lab.cwd, start: 'held' },
        }),
        judge: {
          ...{ allowReports: [], onCrash: 'continue', graceMs: 0 },
          limits: { timeoutMs: null, idleTimeoutMs: null },
        },
      },
      {
        signal: interrupts.stop,
        onEvent: (event: LabEvent) => status.handle(event),
      },
    )
  }
  status.clear()
  status.line(`the VM ${vm.name} waits before its first instruction`)
  await audited({ what: 'debug', subject: vm.name, detail: ['gdb', ...args].join(' ') })
  process.on('SIGINT', () => undefined)
  try {
    await appears(gdbSocket(lab.paths, vm))
    return await debugVm(lab.paths, vm, {
      ...{ breaks: flags.break, args },
      onNote: (note) => status.line(note),
    })
  } finally {
    const last = registry.get(vm.name)
    if (last.state !== 'stopped') await endVm(lab.paths, last, { force: true })
    registry.remove(last)
  }
}

const SOCKET_LIMIT_MS = 10_000

async function appears(path: string): Promise<void> {
  const until = performance.now() + SOCKET_LIMIT_MS
  while (!existsSync(path)) {
    if (performance.now() > until)
      throw new InfraError(
        'GDB',
        `QEMU made no socket for gdb (${path}) in ${SOCKET_LIMIT_MS / 1000} s`,
      )
    await sleep(20)
  }
}
