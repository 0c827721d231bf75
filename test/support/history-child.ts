import { setTimeout as sleep } from 'node:timers/promises'

import { listRuns, pruneHistory } from '../../src/lab/history/history.ts'
import { endRun, labAt, recordOf } from './history.ts'

/**
 * A process of its own that does something to the history of a home, for tests of what several do at once:
 * `run HOME ID MS`, `begin HOME ID` (and no end), `list HOME`,
 * `prune HOME`. It says when it is ready, and does it when its stdin ends.
 * Notes and errors are printed on stderr.
 */
async function main([what, home = '', id = '', ms = '0']: readonly string[]): Promise<void> {
  const lab = await labAt(home)
  if (what === 'list') await import('../../src/store/store.ts')
  console.log('ready')
  for await (const _ of process.stdin);
  const notes: string[] = []
  switch (what ?? '') {
    case 'begin':
      recordOf(lab, id, notes).begin()
      break
    case 'run': {
      const record = recordOf(lab, id, notes)
      record.begin()
      await sleep(Number(ms))
      await endRun(record)
      break
    }
    case 'list':
      for (const run of await listRuns(lab, {})) console.log(run.id, run.outcome?.kind)
      break
    case 'prune':
      await pruneHistory(lab, { runs: 0, bytes: 0 })
      break
    default:
      throw new Error(`what is ${what}?`)
  }
  for (const note of notes) console.error(`note: ${note}`)
}

await main(process.argv.slice(2)).catch((error: unknown) => {
  const { code = '', message } = error as { code?: string; message: string }
  console.error(`${code}: ${message}`)
  process.exitCode = 1
})
