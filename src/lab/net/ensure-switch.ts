import { once } from 'node:events'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'

import { InfraError, tryDecodeJson } from '../../base/index.ts'
import {
  isAlive,
  isProcessIdentity,
  lockFile,
  Patience,
  processIdentity,
  startDetached,
  stoppedOf,
  noteIn,
} from '../../host/index.ts'
import type { Lab } from '../session/context.ts'
import { ownProgram } from '../session/own-program.ts'

/** Where the switch of a segment is. */
interface SwitchPlace {
  readonly segment: string
  readonly dir: string
  readonly socket: string
}

const START_LIMIT_MS = 30_000

/** Starts the switch of a segment unless it runs. Throws InfraError. */
export async function ensureSwitch(lab: Lab, place: SwitchPlace): Promise<void> {
  const { dir, socket } = place
  await using _lock = await lockFile(join(dir, 'lock'), { cacheDir: lab.paths.cache })
  if (await answers(socket)) {
    checkRuns(place)
    return
  }
  rmSync(socket, { force: true })
  const logPath = join(dir, 'switch.log')
  const command = [...ownProgram(), 'switch', socket]
  const started = startDetached(process.execPath, command, { logPath, env: lab.env, cwd: '/' })
  const { pid, news, exited, forget } = started
  const failed = (why: string) =>
    new InfraError('SEGMENT', `the switch of lab:${place.segment} did not start: ${why}`)
  try {
    using patience = new Patience({ what: 'it', pid }, START_LIMIT_MS)
    await patience.for(Promise.race([once(news, 'data'), exited]), failed)
  } finally {
    forget()
  }
  if (!(await answers(socket))) throw failed(`see ${logPath}`)
  if (pid !== undefined) writeFileSync(processFile(dir), JSON.stringify(processIdentity(pid)))
}

/** One that is stopped is connected to by the kernel all the same, and forwards nothing. Throws InfraError. */
function checkRuns({ segment, dir }: SwitchPlace): void {
  const path = processFile(dir)
  const found = existsSync(path) ? tryDecodeJson(noteIn(path), isProcessIdentity) : undefined
  if (!found || !isAlive(found)) return
  const why = stoppedOf({ what: `the switch of lab:${segment}`, pid: found.pid })
  if (why !== undefined) throw new InfraError('SEGMENT', `there is no network: ${why}`)
}

function processFile(dir: string): string {
  return join(dir, 'switch.json')
}

async function answers(socket: string): Promise<boolean> {
  if (!existsSync(socket)) return false
  const peer = connect(socket)
  const connected = await Promise.race([
    once(peer, 'connect').then(() => true),
    once(peer, 'error').then(() => false),
  ]).catch(() => false)
  peer.destroy()
  return connected
}
