import type { Command } from 'commander'

import { UsageError } from '../../base/index.ts'
import { ssh as useCases } from '../../lab/index.ts'
import { audited } from '../audited.ts'
import { currentPaths } from '../lab.ts'
import { afterDashes } from '../options.ts'
import { Status } from '../render/status.ts'
import { localTerminal } from '../terminal.ts'
import { out } from '../render/print.ts'

export function addSshCommand(program: Command, finish: (code: number) => void): void {
  program
    .command('ssh')
    .description('ssh into a running VM: through its agent, without any network')
    .argument('<vm>', 'the VM, also as user@name')
    .argument('[command...]', 'a command, or options of ssh')
    .passThroughOptions()
    .addHelpText(
      'after',
      '\nExamples:\n  klab ssh box\n  klab ssh root@box dmesg\n  klab ssh box -- -L 8080:localhost:80 -N',
    )
    .action(async (name: string, words: string[]) => finish(await enter(name, words)))
}

async function enter(name: string, words: readonly string[]): Promise<number> {
  const [paths, { runSsh }] = await Promise.all([currentPaths(), useCases()])
  const [, user, host = name] = /^([^@]+)@(.+)$/.exec(name) ?? []
  if (host.startsWith('-')) throw new UsageError(`${name} cannot be a VM`)
  const status = new Status({ quiet: false, verbose: false })
  return await runSsh(paths, process.env['KLAB_HOME'], {
    ...{ host, words: afterDashes(words), env: process.env },
    ...(user !== undefined && { user }),
    onRetry: (why) => status.line(why),
  })
}

const CONFIG_HELP = `
Afterwards ssh, scp, rsync, sftp, git and editors know every VM as klab-NAME.

Examples:
  klab ssh-config --install       once: includes the file in ~/.ssh/config
  rsync -a src/ klab-box:/tmp/src/
  ssh -F "$(klab ssh-config)" klab-box`

export function addSshConfigCommand(program: Command, finish: (code: number) => void): void {
  program
    .command('ssh-config')
    .description("write klab's include file for ssh and print its path")
    .option('--install', 'include it at the top of ~/.ssh/config')
    .addHelpText('after', CONFIG_HELP)
    .action(async ({ install }: { install?: boolean }) => {
      const [paths, { installInclude, writeSshConfig }] = await Promise.all([
        currentPaths(),
        useCases(),
      ])
      const path = await writeSshConfig(paths, process.env['KLAB_HOME'])
      out.line(path)
      if (install) installInclude(path, process.env['HOME'] ?? '/')
      finish(0)
    })
}

/** What ssh runs to reach a VM. People do not. */
export function addSshProxyCommand(program: Command, finish: (code: number) => void): void {
  program.command('ssh-proxy <host>', { hidden: true }).action(async (host: string) => {
    const [paths, { sshProxy }] = await Promise.all([currentPaths(), useCases()])
    await audited({ what: 'ssh', subject: host, detail: '' })
    out.outliveReader()
    using terminal = await localTerminal({
      ...{ tty: false, stdin: true, stdoutTo: 'stdout' },
      onEscape: () => undefined,
    })
    finish(await sshProxy(paths, host, { terminal, env: process.env }))
  })
}
