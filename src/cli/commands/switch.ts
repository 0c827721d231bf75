import type { Command } from 'commander'
import { writeSync } from 'node:fs'

import { netSwitch } from '../../lab/index.ts'

/** The switch of a network segment. The first VM on it runs it; people do not. */
export function addSwitchCommand(program: Command): void {
  program.command('switch <socket>', { hidden: true }).action(async (path: string) => {
    const { runSwitch } = await netSwitch()
    process.on('SIGINT', () => undefined).on('SIGHUP', () => undefined)
    await runSwitch(path, () => {
      try {
        writeSync(3, 'ready\n')
      } catch {
        // Nobody waits for it.
      }
    })
  })
}
