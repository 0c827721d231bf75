import type { Command } from 'commander'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'

import { InfraError } from '../../base/index.ts'
import { vms } from '../../lab/index.ts'
import { currentPaths } from '../lab.ts'
import { integer } from '../options.ts'
import type { AnalyseFlags } from './logs-analyse.ts'
import { out } from '../render/print.ts'

interface LogFlags {
  readonly follow?: boolean
}

const ANALYSE_HELP = `
A name that has a slash, or that a file here has, is the file; start klab elsewhere for the VM.

Examples:
  klab logs analyse /var/log/kern.log.1.gz
  klab logs analyse --compare good.log bad.log
  klab logs analyse --compare 7xkq2m4p box
  dmesg | klab logs analyse -`

export function addLogsCommand(program: Command, finish: (code: number) => void): void {
  const logs = program
    .command('logs <vm>')
    .summary('what a VM has printed on its console; analyse: of any log')
    .description('the console of a VM, from its first byte')
    .option('-f, --follow', 'and what comes, until the VM ends')
    .addHelpText(
      'after',
      '\nExamples:\n  klab logs box | grep -i warn\n  klab logs -f box\n  klab logs analyse console.log',
    )
    .action(async (name: string, flags: LogFlags) => {
      await printLog(name, flags)
      finish(0)
    })
  logs
    .command('analyse <file|vm|run-id...>')
    .description(
      'what logs, or consoles of VMs and runs, say, and how often: errors by driver, warnings, reports, stages of the boot, silences',
    )
    .option('--compare', 'two logs: what is new in the second, gone, or much more frequent')
    .option('--top <n>', 'so many patterns of each kind', integer, 10)
    .option('--json', 'as JSON, with all patterns')
    .addHelpText('after', ANALYSE_HELP)
    .action(async (names: string[], flags: AnalyseFlags) => {
      const { analyse } = await import('./logs-analyse.ts')
      await analyse(names, flags)
      finish(0)
    })
}

async function printLog(name: string, { follow = false }: LogFlags): Promise<void> {
  const [paths, { converse, VmRegistry }] = await Promise.all([currentPaths(), vms()])
  const vm = new VmRegistry(paths).get(name)
  out.outliveReader()
  // First the connection, then the file: what comes in between may be seen twice, but nothing is missed.
  const live =
    follow && vm.state !== 'stopped' ? await converse(paths, vm, { do: 'console' }) : undefined
  const path = join(paths.state, 'runs', vm.runId, 'console.log')
  try {
    await out.recorded(createReadStream(path))
  } catch (error) {
    throw new InfraError('LOG', `the console of ${name} is not there any more (${path})`, {
      cause: error,
    })
  }
  if (live) await out.recorded(live.socket)
}
