import type { Command } from 'commander'
import { createWriteStream, fstatSync } from 'node:fs'

import { vmKeeping } from '../../lab/index.ts'
import { currentLab } from '../lab.ts'

/** The process behind a VM that stays. `klab start` runs it; people do not. */
export function addKeepCommand(program: Command): void {
  program.command('keep <id>', { hidden: true }).action(async (id: string) => {
    const { keepVm } = await vmKeeping()
    // The terminal of whoever started it is not ours.
    process.on('SIGINT', () => undefined).on('SIGHUP', () => undefined)
    const news = newsStream()
    await keepVm(await currentLab(), id, (event) => void news?.write(`${JSON.stringify(event)}\n`))
    news?.end()
  })
}

/** Descriptor 3, where somebody may listen. */
function newsStream(): NodeJS.WritableStream | undefined {
  try {
    fstatSync(3)
  } catch {
    return undefined
  }
  const stream = createWriteStream('', { fd: 3 })
  // Whoever started us is not waiting any more.
  stream.on('error', () => undefined)
  return stream
}
