import type { Command } from 'commander'

import { block, isRecord, tryDecodeJson, UsageError } from '../../base/index.ts'
import { vms } from '../../lab/index.ts'
import { audited } from '../audited.ts'
import { currentPaths } from '../lab.ts'
import { afterDashes } from '../options.ts'
import { typedLines } from '../terminal.ts'
import { out } from '../render/print.ts'

export function addMonitorCommand(program: Command, finish: (code: number) => void): void {
  program
    .command('monitor')
    .description("QEMU's human monitor: one command, or each line of stdin")
    .argument('<vm>', 'the VM')
    .argument('[command...]', 'the command')
    .passThroughOptions()
    .addHelpText('after', '\nExamples:\n  klab monitor box info registers\n  klab monitor box')
    .action(async (name: string, words: string[]) => {
      await monitor(name, afterDashes(words))
      finish(0)
    })
}

async function monitor(name: string, words: readonly string[]): Promise<void> {
  const [paths, { ask, VmRegistry }] = await Promise.all([currentPaths(), vms()])
  const vm = new VmRegistry(paths).getLive(name)
  const carryOut = async (line: string) => {
    await audited({ what: 'monitor', subject: name, detail: line })
    out.part(block(String(await ask(paths, vm, { do: 'monitor', line }))))
  }
  if (words.length > 0) {
    await carryOut(words.join(' '))
    return
  }
  const lines = await typedLines('(qemu) ')
  lines.prompt()
  for await (const line of lines) {
    if (line.trim() !== '') await carryOut(line)
    lines.prompt()
  }
}

export function addQmpCommand(program: Command, finish: (code: number) => void): void {
  program
    .command('qmp <vm> <qmp-command> [arguments]')
    .summary("a command of QEMU's machine protocol, in JSON")
    .description("a command of QEMU's machine protocol; arguments and answer are JSON")
    .addHelpText(
      'after',
      '\nExamples:\n  klab qmp box query-status\n  klab qmp box human-monitor-command \'{"command-line":"info mtree"}\'',
    )
    .action(async (name: string, command: string, text: string | undefined) => {
      const [paths, { ask, VmRegistry }] = await Promise.all([currentPaths(), vms()])
      const vm = new VmRegistry(paths).getLive(name)
      const args = parsed(text)
      await audited({ what: 'qmp', subject: name, detail: `${command} ${text ?? ''}`.trim() })
      const value = await ask(paths, vm, { do: 'qmp', command, args })
      out.json(value)
      finish(0)
    })
}

function parsed(text = '{}'): Record<string, unknown> {
  const value = tryDecodeJson(text, isRecord)
  if (value) return value
  throw new UsageError(`the arguments ${JSON.stringify(text)} are not a JSON object`)
}
