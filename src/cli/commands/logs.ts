import type { Command } from 'commander'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'

import { InfraError } from '../../base/index.ts'
import { vms } from '../../lab/index.ts'
import { currentPaths } from '../lab.ts'

export function addLogsCommand(program: Command, finish: (code: number) => void): void {
  program
    .command('logs <name>')
    .description('the console of a VM, from its first byte')
    .option('-f, --follow', 'and what comes, until the VM ends')
    .addHelpText('after', '\nExamples:\n  klab logs box | grep -i warn\n  klab logs -f box')
    .action(async (name: string, { follow }: { follow?: boolean }) => {
      await logs(name, follow ?? false)
      finish(0)
    })
}

async function logs(name: string, follow: boolean): Promise<void> {
  const [paths, { converse, VmRegistry }] = await Promise.all([currentPaths(), vms()])
  const vm = new VmRegistry(paths).get(name)
  process.stdout.on('error', () => undefined)
  // First the connection, then the file: what comes in between may be seen twice, but nothing is missed.
  const live =
    follow && vm.state !== 'stopped' ? await converse(paths, vm, { do: 'console' }) : undefined
  const path = join(paths.state, 'runs', vm.runId, 'console.log')
  try {
    await pipeline(createReadStream(path), process.stdout, { end: false })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE') return
    throw new InfraError('LOG', `the console of ${name} is not there any more (${path})`, {
      cause: error,
    })
  }
  if (live) for await (const chunk of live.socket) process.stdout.write(chunk as Buffer)
}
