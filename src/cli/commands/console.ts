import type { Command } from 'commander'

import { vms } from '../../lab/index.ts'
import { audited } from '../audited.ts'
import { currentPaths } from '../lab.ts'
import { Status } from '../render/status.ts'
import { localTerminal } from '../terminal.ts'

export function addConsoleCommand(program: Command, finish: (code: number) => void): void {
  program
    .command('console <vm>')
    .summary('the serial console of a running VM')
    .description('attach to the serial console of a running VM; ~. at the start of a line detaches')
    .action(async (name: string) => {
      await attach(name)
      finish(0)
    })
}

async function attach(name: string): Promise<void> {
  const [paths, { converse, VmRegistry }] = await Promise.all([currentPaths(), vms()])
  const vm = new VmRegistry(paths).getLive(name)
  await audited({ what: 'console', subject: name, detail: '' })
  const { socket } = await converse(paths, vm, { do: 'console' })
  const status = new Status({ quiet: false, verbose: false })
  using terminal = await localTerminal({
    tty: process.stdin.isTTY ? true : undefined,
    stdin: true,
    stdoutTo: 'stdout',
    onEscape: () => socket.destroy(),
  })
  if (process.stdin.isTTY) status.line(`attached to ${name}; ~. detaches`)
  terminal.begin?.()
  const typing = async () => {
    for await (const chunk of terminal.stdin ?? []) if (!socket.destroyed) socket.write(chunk)
    // Our input ended; the guest may have something to say yet.
    if (!process.stdin.isTTY) setTimeout(() => socket.destroy(), 200)
  }
  void typing()
  try {
    for await (const chunk of socket) await terminal.stdout(chunk as Buffer)
  } catch {
    // Detached.
  }
}
