import type { Command } from 'commander'

import {
  askedFor,
  machines,
  specs,
  ssh,
  vmStarting,
  vms,
  type Lab,
  type LabEvent,
  VM_POLICIES,
} from '../../lab/index.ts'
import { processInterrupts } from '../interrupts.ts'
import { currentLab } from '../lab.ts'
import {
  addKernelOptions,
  addMachineOptions,
  collect,
  kernelChoice,
  machineInput,
  oneOf,
  type KernelFlags,
  type MachineFlags,
} from '../options.ts'
import { Status } from '../render/status.ts'
import { out } from '../render/print.ts'

interface StartFlags extends KernelFlags, MachineFlags {
  readonly allowReport: readonly string[]
  readonly onCrash?: string
  readonly fresh?: boolean
  readonly json?: boolean
  readonly quiet?: boolean
  readonly verbose?: boolean
}

const HELP = `
A stopped VM is started again, as it was asked for at first, with its name alone. The name of a machine of the
configuration starts that machine.

Examples:
  klab start box                          the kernel of this tree
  klab start box --kernel ./vmlinuz --memory 2G --cpus 4
  klab start fuzz                         the machine "fuzz" of klab.yaml
  klab exec box -- dmesg ; klab shell box ; klab stop box`

export function addStartCommand(program: Command, finish: (code: number) => void): void {
  const command = program
    .command('start')
    .description('start a VM that stays until it is stopped')
    .argument('[name]', 'its name (default: klab makes one up)')
    .optionsGroup('Kernel:')
    .option(
      '--kernel <kernel>',
      'a ready-made kernel: image, directory, .deb, installed release, or id',
    )
  addKernelOptions(command)
  addMachineOptions(command)
    .optionsGroup('What counts:')
    .option(
      '--allow-report <regex>',
      'kernel reports that do not count, may be repeated',
      collect,
      [],
    )
    .option(
      '--on-crash <continue|dump|pause>',
      'when the kernel complains: go on, dump its memory, or stand still for you to look (default: continue)',
    )
    .optionsGroup('How:')
    .option('--fresh', 'boot, and do not clone the template of this kernel and machine')
    .optionsGroup('Output:')
    .option('--json', 'print the VM as JSON')
    .option('-q, --quiet', 'print the name alone')
    .option('-v, --verbose', 'say more: kernel, phases, files')
    .addHelpText('after', HELP)
    .action(async (name: string | undefined, flags: StartFlags, self: Command) => {
      const isPlain = Object.keys(flags).every(
        (flag) => SAYING.has(flag) || self.getOptionValueSource(flag) !== 'cli',
      )
      await start(name, flags, { isPlain })
      finish(0)
    })
}

/** Options that change nothing of the VM. */
const SAYING: ReadonlySet<string> = new Set(['quiet', 'verbose', 'json'])

async function start(
  name: string | undefined,
  flags: StartFlags,
  { isPlain }: { readonly isPlain: boolean },
): Promise<void> {
  const [lab, { startKept, startAgain }, { VmRegistry }] = await Promise.all([
    currentLab(),
    vmStarting(),
    vms(),
  ])
  const status = new Status({ quiet: flags.quiet ?? false, verbose: flags.verbose ?? false })
  using interrupts = processInterrupts(() => undefined)
  const parts = {
    signal: interrupts.stop,
    onEvent: (event: LabEvent) => status.handle(event),
  }
  const registry = new VmRegistry(lab.paths)
  try {
    const again = name !== undefined && isPlain && registry.find(name)?.state === 'stopped'
    // One word is enough for a machine of the configuration.
    const named = name !== undefined && flags.machine === undefined && name in lab.config.machines
    const vm = again
      ? await startAgain(lab, name, parts)
      : await startKept(
          lab,
          {
            name: named && registry.find(name) ? registry.freeName(name) : name,
            ...(await keptRequest(lab, flags, named ? name : flags.machine)),
          },
          parts,
        )
    await (await ssh()).refreshSshConfig(lab.paths, lab.env['KLAB_HOME'])
    status.clear()
    if (flags.json) out.json(vm)
    else out.line(vm.name)
  } finally {
    status.clear()
  }
}

async function keptRequest(lab: Lab, flags: StartFlags, machineName: string | undefined) {
  const [{ machineFor }, { limitsOf, vmSpecOf }] = await Promise.all([machines(), specs()])
  const machine = await machineFor(lab.config, machineName, machineInput(flags))
  const { run } = lab.config
  return {
    vm: vmSpecOf(machine, {
      ...{ kernel: kernelChoice(flags), cwd: lab.cwd },
      start: flags.fresh ? 'boot' : 'clone',
    }),
    judge: {
      allowReports: [...run.allowReports, ...(await askedFor(flags.allowReport))],
      onCrash: oneOf('--on-crash', flags.onCrash ?? 'continue', VM_POLICIES),
      ...{ graceMs: run.grace, limits: limitsOf(machine) },
    },
  }
}
