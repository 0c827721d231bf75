import type { Command } from 'commander'

import { formatDuration } from '../../base/index.ts'
import { kernels } from '../../lab/index.ts'
import { processInterrupts } from '../interrupts.ts'
import { currentLab } from '../lab.ts'
import { addKernelOptions, kernelChoice, type KernelFlags } from '../options.ts'
import { Status } from '../render/status.ts'
import { out } from '../render/print.ts'

interface BuildFlags extends KernelFlags {
  readonly json?: boolean
  readonly quiet?: boolean
}

export function addBuildCommand(program: Command, finish: (code: number) => void): void {
  const command = program
    .command('build')
    .description('build a kernel from a tree, out of tree, into the cache')
  addKernelOptions(command)
    .optionsGroup('Output:')
    .option('--json', 'print the manifest as JSON')
    .option('-q, --quiet', 'print the id alone')
    .addHelpText(
      'after',
      '\nExamples:\n  klab build --profile minimal\n  klab build --tree ~/linux --profile debug --config CONFIG_KCSAN=n',
    )
    .action(async (flags: BuildFlags) => {
      await build(flags)
      finish(0)
    })
}

async function build(flags: BuildFlags): Promise<void> {
  const [{ buildChosen }, lab] = await Promise.all([kernels(), currentLab()])
  const status = new Status({ quiet: flags.quiet ?? false, verbose: false })
  using interrupts = processInterrupts(() => undefined)
  try {
    const startedAt = Date.now()
    const manifest = await buildChosen(lab, kernelChoice(flags), {
      signal: interrupts.stop,
      onEvent: (event) => status.handle(event),
    })
    status.clear()
    if (flags.json) out.json(manifest)
    else if (flags.quiet) out.line(manifest.id)
    else {
      const took =
        Date.parse(manifest.createdAt) >= startedAt
          ? `built in ${formatDuration(manifest.buildMs)}`
          : 'up to date'
      out.line(`${manifest.id} ${manifest.release} ${manifest.profile} (${took})`)
    }
  } finally {
    status.clear()
  }
}
